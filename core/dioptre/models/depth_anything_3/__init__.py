"""Depth Anything 3 for single pictures: Small and Base (relative depth, angle of view), Metric (metres, sky)."""
