"""One package for each feature. Other packages, and features among each other, import from its face alone."""
