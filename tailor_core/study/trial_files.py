"""The files of one trial's artifacts, read from a store of any kind one by one.

Whole artifacts are not copied, for those of models are large. Every file is checked against the manifest before
anything in it counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars

from tailor_core.artifacts.manifest import Manifest
from tailor_core.artifacts.store import Store
from tailor_core.artifacts.tables import read_table
from tailor_core.errors import ArtifactError
from tailor_core.study.trials import Trial


class TrialFiles:
    """What a finished trial made.

    Whatever is missing, damaged or of another form raises ArtifactError, whose sentence begins with the trial and
    names stage and key.
    """

    def __init__(self, trial: Trial, store: Store) -> None:
        self.trial = trial
        self._store = store
        self._manifests: dict[str, Manifest] = {}

    @property
    def name(self) -> str:
        """The trial, as sentences name it."""
        return f"the trial of {self.trial.arm!r} on {self.trial.backbone!r} with seed {self.trial.seed}"

    def makes(self, product: str) -> bool:
        """Whether the trial's method has that product at all."""
        return product in self.trial.refs

    def has(self, product: str, file: str) -> bool:
        """Whether an artifact has a file that not all have."""
        return file in self.manifest(product).files

    def manifest(self, product: str) -> Manifest:
        """The manifest of the artifact that the trial ended with."""
        if product not in self._manifests:
            self._manifests[product] = self._find(product)
        return self._manifests[product]

    def table(
        self, product: str, name: str, columns: Sequence[str], besides: Sequence[str] = ()
    ) -> polars.DataFrame:
        """These columns of `<name>.parquet`, and `besides` those of others that it has."""
        with self._file(product, f"{name}.parquet") as path:
            try:
                table = read_table(path)
            except ArtifactError:  # whose sentence names the copy
                raise self.fault(product, f"holds no table in {name}.parquet") from None
        if missing := [column for column in columns if column not in table.columns]:
            raise self.fault(product, f"has no column {missing[0]!r} in {name}.parquet")
        return table.select(*columns, *(column for column in besides if column in table.columns))

    def document(self, product: str, file: str) -> dict[str, Any]:
        """A JSON object."""
        with self._file(product, file) as path:
            try:
                value = json.loads(path.read_text(encoding="utf-8"))
            except (ValueError, RecursionError):
                value = None
        if not isinstance(value, dict):
            raise self.fault(product, f"holds no JSON object in {file}")
        return value

    def fault(self, product: str, state: str) -> ArtifactError:
        """What to raise where an artifact is not as it must be."""
        ref = self.trial.refs[product]
        return ArtifactError(
            f"{self.name}: the {ref.stage!r} artifact {ref.key[:12]} {state} in the store {self._store.url!r}; "
            "run the study again to remake it"
        )

    def _find(self, product: str) -> Manifest:
        if product not in self.trial.refs:
            raise ArtifactError(f"{self.name}: the stage {product!r} is not among what it made; run it again")
        ref = self.trial.refs[product]
        with self._telling():
            manifest = self._store.find(ref.stage, ref.key)
        if manifest is None or manifest.digest != ref.digest:
            raise self.fault(product, "is missing" if manifest is None else "holds other content than it had")
        return manifest

    @contextmanager
    def _file(self, product: str, name: str) -> Iterator[Path]:
        """A checked copy, as long as the context lasts."""
        manifest = self.manifest(product)
        if name not in manifest.files:
            raise self.fault(product, f"has no {name}")
        with TemporaryDirectory(prefix="tailor-study-") as copy:
            with self._telling():
                self._store.fetch(manifest, Path(copy), only=[name])
            yield Path(copy, name)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Says of whose artifact a sentence of the store is."""
        try:
            yield
        except ArtifactError as error:
            raise ArtifactError(f"{self.name}: {error}") from error
