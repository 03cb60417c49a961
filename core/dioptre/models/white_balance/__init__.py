"""The white-balance estimator, which finds the illuminant and a smooth colour correction from a thumbnail."""
