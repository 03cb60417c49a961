"""RRDBNet: a large network that restores worn and compressed photographs while enlarging them."""
