"""The made-up run in which every text is hostile, and some are huge."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from made_up_run import read_manifest, rewrite, write_manifest

from tailor_core.artifacts.manifest import MANIFEST
from tailor_core.artifacts.tables import read_records
from tailor_core.records import Demonstration, EvaluationRow, Primitive, Problem

HOSTILE = (
    "<script>alert(1)</script></pre></details></section></main></think>"
    "<img src=x onerror=alert(2)>\"'><svg onload=alert(3)> {{ 7 * 7 }} {% raw %} $\\frac{1}$ ]]> <!-- "
    "\u202eevil\u202c \x00\x07\x1b[31m \u200b\ufeff &lt;b&gt; #1c2430 url(https://example.org/x)"
)


def poison(inputs: dict[str, Path]) -> None:
    """Put hostile text wherever a run has text that models or users wrote."""

    def change(product: str, name: str, kind: type, **fields: object) -> None:
        records = read_records(inputs[product] / f"{name}.parquet", kind)
        rewrite(inputs, product, name, [dataclasses.replace(r, **fields) for r in records], kind)

    change("problems", "problems", Problem, question=HOSTILE, answer=HOSTILE)
    primitives = read_records(inputs["primitives"] / "primitives.parquet", Primitive)
    for i, one in enumerate(primitives):
        screening = {**one.screening, "rule": HOSTILE, "reason": HOSTILE}
        texts = {"name": f"{i} {HOSTILE}", "instruction": HOSTILE}
        primitives[i] = dataclasses.replace(one, **texts, screening=screening)
    rewrite(inputs, "primitives", "primitives", list(primitives), Primitive)
    change("demonstrations", "demonstrations", Demonstration, think=HOSTILE, answer_text="A" * 100_000)
    change("evaluation", "evaluation", EvaluationRow, completion=HOSTILE + "B" * 100_000, reason=HOSTILE)
    path = inputs["evaluation"] / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    for block in summary["models"]["policy"]["splits"].values():
        block["reasons"] = {"\ud800" + HOSTILE: 5, "x" * 100_000: 2}
    summary["models"][HOSTILE] = summary["models"]["base"]
    summary["moves"]["policy"]["test"][HOSTILE] = {"share": 0.5, "mean": 1.0}
    path.write_text(json.dumps(summary), encoding="utf-8")
    told = {"rows": {HOSTILE: 3}, "funnel": {"in": 7, "kept": 4, "dropped": {HOSTILE: 2}}}
    write_manifest("evaluation", inputs["evaluation"], told, inputs)
    manifest = read_manifest(inputs["evaluation"])
    producer = {"recipe": HOSTILE, "tailor": HOSTILE}
    spec = {**manifest.spec, "config": {HOSTILE: HOSTILE}, "seed": HOSTILE}
    manifest = dataclasses.replace(manifest, producer=producer, created=HOSTILE, spec=spec)
    (inputs["evaluation"] / MANIFEST).write_text(manifest.to_text(), encoding="utf-8")
