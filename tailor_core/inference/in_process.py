"""A model of this process, each completion of which may be asked in its own way.

What a model samples depends on what else is in its batch. So requests are answered in batches of a fixed size, in the
order in which they come, with a seed that follows from the whole batch; and a batch is what is kept. A stage that was
killed finds the batches that were done, makes the others as they would have been made, and ends with the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import cache
from itertools import groupby
from typing import Any

import polars

from tailor_core.artifacts.shards import Shards, parts
from tailor_core.inference.account import Account
from tailor_core.inference.engine import Completion, Engine, Request, Sampling, Usage
from tailor_core.records import content_id

_SCHEMA = {
    "text": polars.String,
    "finish": polars.String,
    "prompt_tokens": polars.Int64,
    "completion_tokens": polars.Int64,
}


class InProcessAnswers:
    """An engine of this process as `Answers`; `account` adds up what it takes."""

    def __init__(self, load: Callable[[], Engine], shards: Shards, rows: int) -> None:
        """`load` is called once there is something to sample, `rows` completions at once; `shards` keeps them."""
        self._load = cache(load)
        self._shards, self._rows = shards, rows
        self.account = Account()

    def answer(
        self, requests: Sequence[Request], on_done: Callable[[int], None] | None = None
    ) -> list[Completion]:
        """See `Answers.answer`. The same requests give the same completions; tokens and log-probs are not told.

        A schema is not followed: whoever asks validates.
        """
        found: list[Completion] = []
        for batch in _batches(requests, self._rows):
            found += self._answer(batch, on_done or (lambda _: None))
        return found

    def _answer(self, batch: Sequence[Request], on_done: Callable[[int], None]) -> list[Completion]:
        asked = [[list(request.messages), asdict(request.sampling)] for request in batch]
        told = 0

        def tell(count: int) -> None:
            nonlocal told
            told += count
            on_done(count)

        def sample() -> polars.DataFrame:
            seed = int(content_id(["batch", asked], length=7), 16)
            sampling = dataclasses.replace(batch[0].sampling, n=1, seed=seed)
            groups = self._load().generate([request.messages for request in batch], sampling, tell)
            return _table([completion for [completion] in groups])

        completions = _read(self._shards.table(asked, sample))
        for completion in completions:
            self.account.add(completion, now=told > 0)
        on_done(len(batch) - told)
        return completions


def _batches(requests: Sequence[Request], rows: int) -> Iterator[Sequence[Request]]:
    """At most `rows` requests at a time, in order, that are sampled alike but for their seeds."""

    def alike(request: Request) -> Sampling:
        return dataclasses.replace(request.sampling, seed=0)

    for _, group in groupby(requests, key=alike):
        yield from parts(list(group), rows)


def _table(completions: Sequence[Completion]) -> polars.DataFrame:
    rows: list[dict[str, Any]] = [
        {"text": one.text, "finish": one.finish, **asdict(one.usage)} for one in completions
    ]
    return polars.DataFrame(rows, schema=_SCHEMA)


def _read(table: polars.DataFrame) -> list[Completion]:
    return [
        Completion(text=text, finish=finish, usage=Usage(prompt_tokens=prompt, completion_tokens=completion))
        for text, finish, prompt, completion in table.select(*_SCHEMA).iter_rows()
    ]
