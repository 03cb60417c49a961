"""The depth refiner: puts a picture's edges into a soft depth map."""
