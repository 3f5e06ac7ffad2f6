"""Answers of models on held-out problems, and figures with intervals."""
