"""iGSM: grade-school arithmetic over a hierarchy of categories (Ye et al., arXiv 2407.20311).

`IGSM` is the environment; `scenario` and `structure` hold the exact solution that teachers and checkers share.
"""

from tailor_core.environments.igsm.environment import IGSM

__all__ = ["IGSM"]
