"""Keras, on any of its backends."""
