"""Operators whose result is the largest or smallest of several elements."""
