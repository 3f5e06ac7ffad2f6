"""Knights and knaves: an island where each inhabitant always tells the truth or always lies.

`KnightsKnaves` is the environment; `puzzle` and `statements` hold the logic that teachers and checkers share.
"""

from tailor_core.environments.knights_knaves.environment import KnightsKnaves

__all__ = ["KnightsKnaves"]
