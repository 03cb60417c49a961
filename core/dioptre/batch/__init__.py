"""Apply a recipe to many pictures: in parallel, on one machine or many, with every picture accounted for."""
