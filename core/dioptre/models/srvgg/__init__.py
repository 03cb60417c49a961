"""SRVGGNetCompact: a light network that restores drawn and compressed pictures while enlarging them."""
