"""Depth Anything V2: a DINOv2 transformer and a DPT head, which estimate relative inverse depth from a picture."""
