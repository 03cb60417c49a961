"""Depth Anything 3 for single pictures: Small, Base (relative depth, angle of view), Metric Large (metres, sky)."""
