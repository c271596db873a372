"""Affine layers: y = J x + b with constant J and b, one file per idea."""
