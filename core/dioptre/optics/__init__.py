"""Physical optics: defocus, the shape of the aperture, and depth-dependent blur. No file access, no networks."""
