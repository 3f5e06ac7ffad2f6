"""The procedural teacher of Knights & Knaves: runs a program of the move language on a puzzle, in prose."""
