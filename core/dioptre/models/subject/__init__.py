"""The subject network: a head on the depth network's backbone locates the subject; U²-Net-P finds its edges."""
