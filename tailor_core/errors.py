"""Every exception Tailor raises on purpose.

TailorError                 one clear sentence for a person; the CLI prints it and exits 2
├── RecipeError             a recipe, section, key or value is wrong
├── InputError              a problem, row or file handed to Tailor is wrong
├── ArtifactError           the store holds something damaged, missing or refused
├── ResumeError             what is on disk does not belong to the run that wants to resume
├── StageError              a stage could not do what its recipe asks
├── MachineError            the machine failed, not the input: the same again may succeed
└── MissingExtraError       an optional dependency is needed and not installed

A wrong completion is never an exception: it is a `Verdict` with a reason.
"""

from tailor_core.secrets import masked


class TailorError(Exception):
    """Base of all errors that a user can mend; `str(error)` is one sentence that says how, without any secret."""

    def __str__(self) -> str:
        return masked(super().__str__())


class RecipeError(TailorError):
    """A recipe names something that does not exist, or gives a value out of range."""


class InputError(TailorError):
    """A row, file or argument does not have the form that was asked for."""


class ArtifactError(TailorError):
    """An artifact is missing, damaged, or could not be written."""


class ResumeError(TailorError):
    """A checkpoint or shard belongs to other data or another recipe."""


class StageError(TailorError):
    """A stage ran but could not deliver what its recipe asks for."""


class MachineError(TailorError, OSError):
    """A disk is full or cannot be written; what was done so far is kept for the next attempt."""


class MissingExtraError(TailorError):
    """An optional package is not installed; the message holds the install line."""
