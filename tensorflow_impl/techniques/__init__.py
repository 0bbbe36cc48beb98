"""Additions to the plain training, each technique in its own file."""
