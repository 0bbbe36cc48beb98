"""Everything that people look at."""
