"""What a seed may be."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""NumPy's generator, which trainings seed, takes no larger one: they would refuse it after hours."""
