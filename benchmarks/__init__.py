"""Speed, memory and scaling beside plain autograd and other libraries: `python -m benchmarks`."""
