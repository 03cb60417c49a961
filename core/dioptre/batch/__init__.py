"""Apply a recipe to many pictures in parallel, and account for every picture."""
