"""Apply a recipe to many pictures in parallel, on one machine or several, and account for every picture."""
