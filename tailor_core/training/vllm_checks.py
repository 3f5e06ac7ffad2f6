"""What must be there before a policy is trained with rollouts by vLLM.

TRL runs the engine, or asks the server. It only warns of a vLLM that it does not know, and finds out about the rest
when the models are loaded, hours after the start of a run. Nothing here imports vLLM; torch is imported for those who
ask for vLLM.
"""

from __future__ import annotations

import json
import sys
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from packaging.version import InvalidVersion, Version

from tailor_core.config.policy import PolicyConfig
from tailor_core.errors import MissingExtraError, StageError

OLDEST, NEWEST = Version("0.22.0"), Version("0.31.0")
"""The vLLM that TRL 1.16 works with."""

_ELSE = "or set policy.rollout_engine = 'static-cache'"
_PATIENCE = 60.0
"""Seconds that a server may take to answer: the first time it is asked, vLLM looks at its whole environment."""


def check_vllm(config: PolicyConfig, *, prompt_tokens: int = 1, model_tokens: int | None = None) -> None:
    """StageError where the policy cannot be trained with rollouts by vLLM in this process, and the reason.

    Nothing where another engine draws them. `prompt_tokens`: the longest prompt, as far as it is known;
    `model_tokens`: prompt and completion that the model can read. Asks the server in the mode `server`.
    """
    if config.rollout_engine != "vllm":
        return
    _check_installed()
    _check_gpu()
    rooms = {"the model's window": model_tokens, "policy.vllm.max_model_length": config.vllm.max_model_length}
    if config.vllm.mode == "server":
        rooms = {"the model's window": model_tokens, "the server's --max-model-len": _server_room(config)}
    needed = prompt_tokens + config.max_completion_length
    for name, room in rooms.items():
        if room is not None and room < needed:
            raise StageError(
                f"{name} is {room} tokens, but the longest prompt takes {prompt_tokens} and "
                f"policy.max_completion_length = {config.max_completion_length}; make room for {needed}, or "
                "lower policy.max_completion_length"
            )


def installed_vllm() -> str | None:
    """The version of the vLLM of this interpreter, whichever distribution it came with; None where there is none."""
    if find_spec("vllm") is None:
        return None
    for name in ("vllm", *packages_distributions().get("vllm", ())):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def _check_installed() -> None:
    found = installed_vllm()
    wanted = f"vllm from {OLDEST} to {NEWEST}"
    if found is None:
        raise MissingExtraError(
            f"policy.rollout_engine = 'vllm', but {sys.executable} has no vllm; run the stage in an environment that "
            f"has one (pip install 'vllm>={OLDEST},<={NEWEST}'), {_ELSE}"
        )
    if not _is_known(found):
        raise StageError(
            f"policy.rollout_engine = 'vllm' needs {wanted}, which TRL works with, but {sys.executable} has {found}; "
            f"install one of these, {_ELSE}"
        )


def _is_known(found: str) -> bool:
    """By the base version, as TRL compares it: what follows a `+` says how it was built."""
    try:
        return OLDEST <= Version(Version(found).base_version) <= NEWEST
    except InvalidVersion:
        return False


def _check_gpu() -> None:
    import torch  # only whoever asks for vLLM waits for it

    if not torch.cuda.is_available():
        raise StageError(
            "policy.rollout_engine = 'vllm' needs a GPU that torch can use, and there is none here; run the stage on "
            f"a machine with one, {_ELSE}"
        )


def _server_room(config: PolicyConfig) -> int:
    """The tokens of prompt and completion that the server has room for; StageError where TRL cannot use it."""
    address = config.vllm.server_base_url
    at = f"policy.vllm.server_base_url = {address!r}"
    told = _ask(address, "/version")
    found = told.get("version") if isinstance(told, dict) else None
    if not isinstance(found, str):
        raise StageError(f"{at}: what answers there is no vLLM server; give the address of a `vllm serve`")
    if not _is_known(found):
        raise StageError(
            f"{at}: the server runs vllm {found}, but TRL works with {OLDEST} to {NEWEST}; start one of these"
        )
    info = _ask(address, "/server_info?config_format=json")
    try:
        settings = info["vllm_config"]
        transfer, model = settings["weight_transfer_config"], settings["model_config"]
        room, logprobs = int(model["max_model_len"]), model["logprobs_mode"]
    except (TypeError, KeyError, ValueError):
        raise StageError(
            f"{at}: the server does not say how it is set up, and takes no weights; start it with "
            "VLLM_SERVER_DEV_MODE=1 in its environment"
        ) from None
    if transfer is None:
        raise StageError(
            f'{at}: the server takes no weights; start it with --weight-transfer-config \'{{"backend": "nccl"}}\''
        )
    if config.vllm.importance_sampling_correction and logprobs != "processed_logprobs":
        raise StageError(
            f"{at}: the server gives {logprobs}, with which the importance sampling correction is wrong; start it "
            "with --logprobs-mode processed_logprobs, or set policy.vllm.importance_sampling_correction = false"
        )
    return room


def _ask(address: str, path: str) -> Any:
    """The JSON that a server answers to GET; None where it answers something else. StageError where nothing answers."""
    try:
        with urlopen(address + path, timeout=_PATIENCE) as answer:
            return json.load(answer)
    except (HTTPError, ValueError):
        return None
    except (OSError, HTTPException, OverflowError) as error:
        raise StageError(
            f"policy.vllm.server_base_url = {address!r}: no server answers there ({error}); start `vllm serve`, or "
            "correct the address"
        ) from error
