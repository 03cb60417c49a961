"""The subject network: the depth network's backbone, turned to subjects by low-rank changes, and a head."""
