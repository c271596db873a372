"""JAX, Flax, Equinox, Haiku."""
