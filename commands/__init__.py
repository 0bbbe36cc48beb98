"""What one implementation does for a person: train, evaluate, predict, export, summary, profile."""
