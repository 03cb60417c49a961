"""Many pictures through one recipe: in parallel, on this machine or many, with nothing lost on the way."""
