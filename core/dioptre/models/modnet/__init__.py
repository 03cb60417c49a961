"""MODNet: a matting network for soft edges such as hair and fur."""
