"""Model directories that anybody may have written: safetensors are read, pickles and code are not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from tailor_core.errors import InputError, RecipeError
from tailor_core.inference.models import find_model, local_model, write_model
from tailor_core.inference.pretrained import load_model, load_tokenizer

TINY = find_model("tiny")


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return (open, (str(self.marker), "w"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The shipped model, to be spoiled."""
    assert TINY
    directory = tmp_path / "model"
    write_model("tiny", directory)
    return directory


@pytest.mark.parametrize("weights", ["a bomb", "tensors"])
def test_weights_that_are_a_pickle_are_refused_in_one_sentence(
    weights: str, model: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "unpickled"
    tensors = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    torch.save(Bomb(marker) if weights == "a bomb" else tensors, model / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"no pickle is read") as caught:
        load_model(model, torch.float32)
    assert "\n" not in str(caught.value)
    with pytest.raises(RecipeError, match=r"has no weights as safetensors"):
        write_model(str(model), tmp_path / "artifact")
    assert not marker.exists()


def test_a_pickle_under_the_name_of_safetensors_is_refused_in_one_sentence(
    model: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "unpickled"
    torch.save(Bomb(marker), model / "model.safetensors")
    with pytest.raises(InputError, match=r"no pickle is read") as caught:
        load_model(model, torch.float32)
    assert "\n" not in str(caught.value)
    assert not marker.exists()


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_that_a_model_brings_is_not_run_nor_asked_about(file: str, model: Path, tmp_path: Path) -> None:
    marker = tmp_path / "imported"
    (model / "own.py").write_text(f"open({str(marker)!r}, 'w')\nclass Own: ...\n")
    values = json.loads((model / file).read_text())
    own = {
        "AutoConfig": "own.Own",
        "AutoModelForCausalLM": "own.Own",
        "AutoTokenizer": ["own.Own", "own.Own"],
    }
    values |= {"auto_map": own, "model_type": "own", "tokenizer_class": "Own"}
    (model / file).write_text(json.dumps(values))
    if file == "tokenizer_config.json":
        shutil.copy(model / "tokenizer.json", tmp_path)  # without it there is nothing else to fall back on
        (model / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"no code of a model is run") as caught:
        load_tokenizer(model) if file == "tokenizer_config.json" else load_model(model, torch.float32)
    assert "\n" not in str(caught.value)
    assert not marker.exists()


def test_of_a_model_directory_only_data_goes_into_an_artifact(model: Path, tmp_path: Path) -> None:
    for name in (
        "pytorch_model.bin",
        "training_args.bin",
        "optimizer.pt",
        "own.py",
        "tokenizer.pkl",
        "README.md",
    ):
        (model / name).write_bytes(b"no data")
    write_model(str(model), tmp_path / "artifact")
    copied = {path.name for path in (tmp_path / "artifact").rglob("*") if path.is_file()}
    assert copied == {
        "model.safetensors",
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
    }


@pytest.mark.parametrize("name", ["..", "../..", ".", "a/../../b"])
def test_a_model_s_name_leads_to_no_directory_outside_those_of_models(name: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"is neither a model that comes with Tailor"):
        local_model(name, tmp_path / "home" / "models")
    assert not [path for path in tmp_path.rglob("*") if path.is_dir() and path.name not in ("home", "models")]


def test_a_loaded_model_is_not_run_with_the_attention_of_cudnn(model: Path) -> None:
    torch.backends.cuda.enable_cudnn_sdp(True)
    load_model(model, torch.float32)
    assert not torch.backends.cuda.cudnn_sdp_enabled()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="the kernels are a GPU's")
@pytest.mark.parametrize("width", [64, 65, 192, 320])
def test_gradients_of_a_batch_padded_on_the_left_are_finite(width: int, tmp_path: Path) -> None:
    shape = {"hidden_size": 128, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 128}
    LlamaForCausalLM(LlamaConfig(vocab_size=64, **shape)).save_pretrained(tmp_path)
    model = load_model(tmp_path, torch.float32).cuda()
    ids = torch.randint(64, (4, width), device="cuda")
    mask = (torch.arange(width, device="cuda") >= torch.arange(0, 32, 8, device="cuda")[:, None]).long()
    with torch.autocast("cuda", torch.bfloat16):
        logits = model(input_ids=ids, attention_mask=mask).logits.float()
    log_probs = logits[:, :-1].log_softmax(dim=-1).gather(2, ids[:, 1:, None])[..., 0]
    (log_probs * mask[:, :-1]).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
