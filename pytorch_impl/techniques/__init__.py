"""What can be added to the plain training, each technique in its own file."""
