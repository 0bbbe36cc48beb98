"""What can be added to the plain training: each technique in a file of its own."""
