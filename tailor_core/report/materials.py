"""What the page is made from: manifests, tables and JSON documents of the input artifacts.

Whatever is missing or damaged raises ArtifactError with a sentence that the section then shows in its place:
a page with a gap is worth more than none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import polars

from tailor_core.artifacts.manifest import MANIFEST, Manifest
from tailor_core.artifacts.tables import read_records, read_table
from tailor_core.errors import ArtifactError
from tailor_core.records import Record

R = TypeVar("R", bound=Record)


class Materials:
    """The input artifacts by product; everything is read once."""

    def __init__(self, inputs: Mapping[str, Path]) -> None:
        self.inputs = dict(inputs)
        self.manifests: dict[str, Manifest] = {}
        for product, directory in inputs.items():
            try:
                text = (directory / MANIFEST).read_text(encoding="utf-8")
                self.manifests[product] = Manifest.from_text(text)
            except (OSError, ValueError):
                continue
        self._tables = cache(self._read_table)
        self._records: dict[tuple[str, str, type], list[Any]] = {}

    def has(self, product: str, file: str) -> bool:
        return product in self.inputs and (self.inputs[product] / file).is_file()

    def table(self, product: str, name: str) -> polars.DataFrame:
        """The table `<name>.parquet` of a product."""
        return self._tables(product, name)

    def records(self, product: str, name: str, record: type[R]) -> list[R]:
        """The rows of a table as records."""
        place = (product, name, record)
        if place not in self._records:
            path = self._path(product, f"{name}.parquet")
            self._records[place] = read_records(path, record) if self._tables(product, name).width else []
        return self._records[place]

    def document(self, product: str, file: str) -> dict[str, Any]:
        """A JSON object of a product."""
        path = self._path(product, file)
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{file} of the stage {product} cannot be read ({error}).") from error
        if not isinstance(value, dict):
            raise ArtifactError(f"{file} of the stage {product} holds no JSON object.")
        return value

    def _read_table(self, product: str, name: str) -> polars.DataFrame:
        return read_table(self._path(product, f"{name}.parquet"))

    def _path(self, product: str, file: str) -> Path:
        if product not in self.inputs:
            raise ArtifactError(f"The stage {product} is not among the inputs of this report.")
        path = self.inputs[product] / file
        if not path.is_file():
            raise ArtifactError(f"The artifact of the stage {product} has no {file}.")
        return path
