"""Families of problems with checkable answers; `get_environment(name)` finds one."""

from tailor_core.environments.base import (
    AnswerCheck,
    Environment,
    Solutions,
    StepReport,
    Wanted,
    get_environment,
    known_environments,
    read_options,
    stream,
)

__all__ = [
    "AnswerCheck",
    "Environment",
    "Solutions",
    "StepReport",
    "Wanted",
    "get_environment",
    "known_environments",
    "read_options",
    "stream",
]
