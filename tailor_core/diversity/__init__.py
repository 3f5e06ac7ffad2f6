"""Which demonstrations are duplicates, which to keep, and how diverse the choice is."""
