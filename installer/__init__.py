"""What install.py is made of. Standard library only, Python 3.10 or later, no package needed to start."""
