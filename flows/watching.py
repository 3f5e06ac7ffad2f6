"""How far a study is: a line as a trial begins and as it ends, and how long the rest will take.

Whoever sits at a terminal has a live bar besides; in Prefect there is a progress artifact.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import fmean

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from flows.terminal import STDERR
from tailor_core.report.text import duration
from tasks.board import Board, page_key
from tasks.run import progress


def time_left(took: Sequence[float], going: Sequence[float], waiting: int, parallel: int) -> float | None:
    """Seconds until all trials have ended; None where no trial has ended yet.

    took:    seconds that each trial took that has ended
    going:   seconds since each began that goes on
    waiting: trials that have not begun, of which `parallel` run at once
    """
    if not took:
        return None
    mean = fmean(took)
    under_way = sum(max(0.0, mean - seconds) for seconds in going)
    return (under_way + waiting * mean) / max(1, min(parallel, len(going) + waiting))


class Watch:
    """Says how far a study is whose `total` trials run `parallel` at once.

    `earlier` is what trials took that were there already, in seconds: the first guess, until one has ended now.
    """

    def __init__(self, study: str, total: int, parallel: int, board: Board, earlier: Sequence[float]) -> None:
        self._study, self._total, self._parallel, self._board = study, total, parallel, board
        self._earlier, self._took = earlier, list[float]()
        self._began: dict[str, float] = {}
        self._ended = 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Left(self),
            console=STDERR,
            disable=not STDERR.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(f"trials of {study}", total=total)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The bar is there for as long as the context lasts."""
        with self._bar:
            yield

    def begin(self, name: str) -> None:
        """A trial begins now."""
        self._began[name] = time.monotonic()
        progress.info("%s ...", name)

    def end(self, name: str, told: str, *, well: bool = True) -> None:
        """A trial has ended: it came to what is `told`. One that never began was there already."""
        began = self._began.pop(name, None)
        self._ended += 1
        if began is None:
            progress.info("%s hit  %s", name, told)
        else:
            took = time.monotonic() - began
            self._took.append(took)
            level = progress.info if well else progress.warning
            level("%s  %s, %s  (%s)", name, told, duration(took), self.state())
        self._bar.update(self._task, completed=self._ended)
        self._board.advance(
            self._study,
            self._ended / self._total,
            key=page_key("study", self._study, "progress"),
            about=f"study {self._study}: {self.state()}",
        )

    def state(self) -> str:
        """`5 of 33 trials, 2 h 10 min left`."""
        left = self.seconds_left()
        more = f", {duration(left)} left" if left else ""
        return f"{self._ended} of {self._total} trials{more}"

    def seconds_left(self) -> float | None:
        """See `time_left`."""
        now = time.monotonic()
        going = [now - began for began in list(self._began.values())]
        waiting = self._total - self._ended - len(going)
        return time_left(self._took or self._earlier, going, waiting, self._parallel)


class _Left(ProgressColumn):
    """The time left, as it is when the bar is drawn."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def render(self, task: Task) -> Text:
        left = self._watch.seconds_left()
        return Text(f"{duration(left)} left" if left else "")
