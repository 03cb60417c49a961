"""MI-GAN: a small network that invents the content of a hole in a picture."""
