"""Products and quotients of two activations."""
