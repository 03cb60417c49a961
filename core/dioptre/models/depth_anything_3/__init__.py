"""Depth Anything 3 for one picture: Small and Base (relative depth, angle of view), Metric Large (metres, sky)."""
