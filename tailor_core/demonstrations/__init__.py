"""Teachers: who writes a demonstration of a primitive on a problem."""
