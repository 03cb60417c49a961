"""Physical optics: defocus, the aperture's shape, and depth-dependent blur. No files, no networks."""
