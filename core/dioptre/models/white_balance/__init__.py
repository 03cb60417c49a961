"""The white-balance estimator: from a thumbnail to the light's colour and a smooth colour mapping."""
