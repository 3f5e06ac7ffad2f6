"""The procedural teacher of Countdown: runs a program of the move language on a problem, in prose."""
