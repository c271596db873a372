"""The reading of files, piece by piece."""
