"""The original Depth Anything V2 Small of `transformers`, with random weights."""

from __future__ import annotations

from typing import Any


def random_depth_anything() -> Any:
    """Return `transformers`' Depth Anything V2 Small with random weights, all of which influence the result."""
    import torch
    import transformers

    torch.manual_seed(0)
    backbone = transformers.Dinov2Config(
        hidden_size=384,
        num_attention_heads=6,
        image_size=518,
        patch_size=14,
        out_features=["stage3", "stage6", "stage9", "stage12"],
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    sizes = {"neck_hidden_sizes": [48, 96, 192, 384], "fusion_hidden_size": 64}
    config = transformers.DepthAnythingConfig(backbone_config=backbone, reassemble_hidden_size=384, **sizes)
    model = transformers.DepthAnythingForDepthEstimation(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            deviation = 0.2 if parameter.ndim < 2 else parameter[0].numel() ** -0.5
            centre = 1.0 if "norm" in name and name.endswith("weight") else 0.3 if "lambda" in name else 0.0
            parameter.copy_(centre + deviation * torch.randn_like(parameter))
        model.head.conv3.bias.fill_(2.0)  # Without this bias, the final ReLU would zero half of the output.
    return model
