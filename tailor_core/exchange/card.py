"""The dataset card of an export: what the Hub and `datasets` read of it, and what a person should know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from tailor_core.environments import Wanted

_OURS = "apache-2.0"
_OF_OTHERS = "other"
"""The Hub's word for a licence that its list does not have: what reasoning-gym's data sets draw on have their own."""

_USE = {
    "huggingface": """\
```python
from datasets import load_dataset
from tailor_core.verification import reward_function

rows = load_dataset(FOLDER, split=SPLIT)
reward = reward_function("binary")  # reads the columns environment, question and metadata
```
""",
    "trl": """\
```python
from datasets import load_dataset
from tailor_core.verification import reward_function
from trl import GRPOTrainer

rows = load_dataset(FOLDER, split=SPLIT)
trainer = GRPOTrainer(MODEL, reward_funcs=reward_function("binary"), train_dataset=rows)
```
""",
    "verl": """\
```
data.train_files=FOLDER/SPLIT.parquet
custom_reward_function.path=.../tailor_core/exchange/verl.py
custom_reward_function.name=compute_score
```
""",
}

_COLUMNS = {
    "huggingface": "`metadata` (JSON text) holds what scoring needs; `difficulty` and `canonical_hash` are parts.",
    "trl": "`prompt` holds chat messages, `problem` all that scoring needs, as JSON text.",
    "verl": "Those that verl asks for; `extra_info.problem` holds all that scoring needs, as JSON text.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSize:
    """What was written of a split: rows, bytes, and the Arrow schema."""

    rows: int
    in_memory: int
    on_disk: int
    schema: Any


def dataset_card(wanted: Wanted, form: str, sizes: Mapping[str, SplitSize]) -> str:
    """README.md: YAML for the Hub (configs, features, sizes, licence), then how the problems were made."""
    from datasets import DatasetInfo, Features, SplitDict, SplitInfo
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCardData

    name = wanted.environment.name
    total = sum(size.rows for size in sizes.values())
    data = DatasetCardData(
        pretty_name=f"Tailor {name}",
        license=_OF_OTHERS if ":" in name else _OURS,
        language="en",
        task_categories=["text-generation"],
        tags=["reasoning", "verifiable-rewards", "synthetic", "tailor"],
        size_categories=[_size_category(total)],
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"{split}.parquet"} for split in sizes],
            }
        ],
    )
    info = DatasetInfo(
        features=Features.from_arrow_schema(next(iter(sizes.values())).schema),
        splits=SplitDict(
            {
                split: SplitInfo(name=split, num_bytes=size.in_memory, num_examples=size.rows)
                for split, size in sizes.items()
            }
        ),
        download_size=sum(size.on_disk for size in sizes.values()),
        dataset_size=sum(size.in_memory for size in sizes.values()),
    )
    DatasetInfosDict(default=info).to_dataset_card_data(data)
    return f"---\n{data.to_yaml()}\n---\n\n{_text(wanted, form, sizes)}"


def _text(wanted: Wanted, form: str, sizes: Mapping[str, SplitSize]) -> str:
    options = wanted.options.model_dump(mode="json", exclude_defaults=True)
    splits = "\n".join(f"| {split} | {size.rows:,} |" for split, size in sizes.items())
    use = _USE[form].replace("SPLIT", json.dumps(next(iter(sizes))) if form != "verl" else next(iter(sizes)))
    return f"""\
# Problems of the family `{wanted.environment.name}`

Made by a program, with an answer to each that a program checks: for reinforcement learning with verifiable rewards.

| split | problems |
|---|---|
{splits}

## How they were made

By `tailor problems` (Tailor {version("tailor")}; `rg:` stands for a data set of reasoning-gym): family
`{wanted.environment.name}`, seed {wanted.seed}, options `{json.dumps(options)}` (those that are not named have their
default). The same call gives the same problems.

## Splits

Every problem has a canonical hash, equal for problems that ask the same (in Tailor's own families: up to renaming and
re-ordering). Which split a problem belongs to follows from what it asks, by this hash or by that of its solution's
skeleton, never from seeds or options. That no hash comes twice was checked as the files were written.

## Columns

{_COLUMNS[form]} A response is `<think>...</think><answer>...</answer>`.

{use}"""


def _size_category(rows: int) -> str:
    """The Hub's own name for so many rows."""
    for below, name in (
        (1_000, "n<1K"),
        (10_000, "1K<n<10K"),
        (100_000, "10K<n<100K"),
        (1_000_000, "100K<n<1M"),
    ):
        if rows < below:
            return name
    return "1M<n<10M"
