"""The order of stages, and the command line."""

from pathlib import Path

RECIPES = Path(__file__).parent / "recipes"
"""The recipes that ship with Tailor."""

STUDIES = Path(__file__).parent / "studies"
"""The studies that ship with Tailor."""
