"""Measurements behind the claims of the documents; each prints what it found."""
