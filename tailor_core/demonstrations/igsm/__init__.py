"""The procedural teacher of iGSM: runs a program of the move language on a problem, in prose."""
