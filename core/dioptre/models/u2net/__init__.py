"""U²-Net-P: a small network for salient-object detection."""
