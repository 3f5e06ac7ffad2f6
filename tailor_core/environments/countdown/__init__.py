"""Countdown: make a number of given numbers, each used once.

The task of the 4-STaR paper (Gandhi et al., arXiv 2503.01307) and of TinyZero. `CountdownGame` is the environment.
"""

from tailor_core.environments.countdown.environment import CountdownGame

__all__ = ["CountdownGame"]
