"""The depth refiner, which aligns a soft depth map with a picture's edges."""
