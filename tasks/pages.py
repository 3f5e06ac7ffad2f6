"""The pages of a run and its stages, in Markdown, as the board shows them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tailor_core.artifacts.manifest import MANIFEST, Manifest
from tailor_core.artifacts.store import Store
from tailor_core.report.markdown import code
from tailor_core.report.materials import Materials
from tailor_core.report.stage_page import FILES, describe_stage, say_why
from tailor_core.stages.execute import Outcome, StageJob
from tailor_core.stages.explain import why_made


def stage_page(job: StageJob, outcome: Outcome, links: Sequence[tuple[str, str]] = ()) -> str:
    """What a stage of a run came to; `links` are pairs of a name and Markdown."""
    store, manifest = Store(job.store), outcome.manifest
    if outcome.hit:
        why = "**Hit**: the store had it, and it is as it was written."
    else:
        why = say_why(("forced",) if job.force else why_made(job.spec, store))
    known = [
        ("artifact", code(store.uri(manifest.ref), 300)),
        ("lineage", code(f"tailor lineage {manifest.stage}@{manifest.digest[:12]}")),
        *links,
    ]
    with some_files(store, manifest) as materials:
        return describe_stage(manifest, materials, why, known)


@contextmanager
def some_files(store: Store, manifest: Manifest) -> Iterator[Materials]:
    """What the page of a stage is made from, without the models and large tables that may be far away."""
    with tempfile.TemporaryDirectory(prefix="tailor-page-") as directory:
        part = Path(directory)
        store.fetch(manifest, part, FILES.get(manifest.stage, ()))
        (part / MANIFEST).write_text(manifest.to_text(), encoding="utf-8")
        yield Materials({manifest.stage: part})
