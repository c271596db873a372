"""The matrix framework × architecture: a module of cells per framework."""
