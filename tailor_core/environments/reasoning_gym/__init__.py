"""Any data set of reasoning-gym (Stojanovski et al. 2025) as an environment: `rg:NAME`."""

from tailor_core.environments.reasoning_gym.environment import ReasoningGym

__all__ = ["ReasoningGym"]
