"""`python -m dioptre` is the command line."""

from dioptre.cli import main

if __name__ == "__main__":
    main()
