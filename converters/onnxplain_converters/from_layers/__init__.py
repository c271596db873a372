"""A dict of layers."""
