"""Operators on text, which is carried as whole numbers."""
