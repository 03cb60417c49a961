"""Depth Anything V2: a DINOv2 transformer and a DPT head, from a picture to relative inverse depth."""
