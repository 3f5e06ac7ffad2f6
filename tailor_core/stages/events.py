"""What a stage tells from another process, as JSON lines, and how the process that wants its artifact listens."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, Self

from tailor_core import errors
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.errors import ArtifactError, MachineError, StageError, TailorError
from tailor_core.stages.context import Track
from tailor_core.stages.execute import Outcome, Say, find_intact

Kind = Literal["begin", "say", "metrics", "beat", "error", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that a stage tells.

    begin:   its artifact is not in the store, and it runs now
    say:     `text`, for a person
    metrics: `metrics` of training step `step`
    beat:    it lives, and has nothing to tell
    error:   it failed: `error` is the class, `text` the message
    done:    the artifact `ref` is in the store; `hit`, it was there before
    """

    kind: Kind
    text: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    step: int = 0
    error: str = ""
    ref: Mapping[str, str] = field(default_factory=dict)
    hit: bool = False

    def to_line(self) -> str:
        """One line of JSON; the opposite of `read_event`."""
        return json.dumps({name: value for name, value in asdict(self).items() if value or name == "hit"})

    @classmethod
    def of_error(cls, error: BaseException) -> Self:
        """What a stage failed with: one of ours by its name, else whether it was a failure of the machine."""
        if isinstance(error, TailorError):
            return cls(kind="error", error=type(error).__name__, text=str(error))
        name = OSError.__name__ if isinstance(error, OSError) else type(error).__name__
        return cls(kind="error", error=name, text=f"{type(error).__name__}: {error}")


def read_event(line: str) -> Event | None:
    """The event in a line; None where it holds none."""
    try:
        return Event(**json.loads(line))
    except (ValueError, TypeError):
        return None


class Listener:
    """Carries what a stage tells from elsewhere into the attempt at it here.

    begin: called when the stage begins to run; gives its tracker
    say:   called with what it says
    """

    def __init__(self, begin: Callable[[], Track], say: Say) -> None:
        self._begin, self._say = begin, say
        self._track: Track | None = None
        self.last: Event | None = None

    def hear(self, event: Event) -> None:
        """Take note of an event."""
        if event.kind == "begin":
            self._track = self._begin()
        elif event.kind == "metrics" and self._track:
            self._track(event.metrics, event.step)
        elif event.kind == "say":
            self._say(event.text)
        elif event.kind in ("error", "done"):
            self.last = event

    def failure(self, stage: str, where: str) -> TailorError | None:
        """What the stage failed with, as the exception that it would be here; None where it told of no failure.

        where: what has the details, for the sentence
        """
        if self.last is None or self.last.kind != "error":
            return None
        name, text = self.last.error, self.last.text
        known = getattr(errors, name, None)
        if isinstance(known, type) and issubclass(known, TailorError):
            return known(text)
        failure = MachineError if name == OSError.__name__ else StageError
        return failure(f"{stage}: its process failed ({text}); see {where}")

    def outcome(self, store: Store, stage: str, key: str) -> Outcome:
        """The artifact that the stage said is done. ArtifactError where the store here does not have it."""
        assert self.last, "it is done"
        ref = ArtifactRef.from_json(dict(self.last.ref))
        manifest = find_intact(store, stage, key)
        if manifest is None or manifest.digest != ref.digest:
            raise ArtifactError(
                f"{stage}: the artifact {ref.digest[:12]} was made, but the store {store.url!r} does not have it "
                "here; give all machines a store that they share, such as s3://..., in TAILOR_STORE"
            )
        return Outcome(manifest=manifest, hit=self.last.hit)
