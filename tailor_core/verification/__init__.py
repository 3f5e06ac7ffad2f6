"""Verifiable rewards: strict reading of responses, scores in several modes, and TRL reward functions."""

from tailor_core.verification.parsing import Parsed, split_response
from tailor_core.verification.rewards import RewardFunction, completion_text, reward_function
from tailor_core.verification.scoring import MODES, Mode, Score, score, score_batch

__all__ = [
    "MODES",
    "Mode",
    "Parsed",
    "RewardFunction",
    "Score",
    "completion_text",
    "reward_function",
    "score",
    "score_batch",
    "split_response",
]
