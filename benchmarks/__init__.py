"""Speed beside captum, zennit and plain autograd: `python -m benchmarks`."""
