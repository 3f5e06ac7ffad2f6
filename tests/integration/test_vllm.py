"""The real vLLM, from the environment that `make vllm-env` makes: what it answers, and that nothing of it stays."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tailor_core.config.settings import find_vllm
from tailor_core.config.teacher import TeacherConfig
from tailor_core.config.vllm import VLLMConfig
from tailor_core.errors import MachineError, MissingExtraError
from tailor_core.inference.engine import Completion, Sampling
from tailor_core.inference.loading import serve_on_demand
from tailor_core.inference.openai_engine import OpenAIEngine

TINY = Path(__file__).parents[2] / "tailor_core" / "backbones" / "tiny"
CONFIG = VLLMConfig(dtype="float32", cpu_cache_gib=1, max_model_len=512, gpu_memory_utilization=0.2)
PROMPTS = [[{"role": "user", "content": f"{name} said that Noah is a knave."}] for name in ("Ann", "Zoey")]
SAMPLING = Sampling(temperature=0.7, max_tokens=24, n=3, seed=11, logprobs=True)


def _found() -> bool:
    try:
        return bool(find_vllm())
    except MissingExtraError:
        return False


pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not _found(), reason="vLLM is not installed (make vllm-env)"),
]


def check_against_transformers(groups: list[list[Completion]]) -> None:
    """Token ids, text, log-probs and ends as the model itself has them, computed by transformers in float32."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(TINY)
    model = AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32).eval()
    for prompt, group in zip(PROMPTS, groups, strict=True):
        text = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        asked = tokenizer(text, add_special_tokens=False)["input_ids"]
        for one in group:
            assert one.usage.prompt_tokens == len(asked)
            assert one.usage.completion_tokens == len(one.token_ids) == len(one.logprobs)
            assert one.text == tokenizer.decode(one.token_ids, skip_special_tokens=True)
            assert one.finished == (one.token_ids[-1] == tokenizer.eos_token_id)
            assert one.finished or len(one.token_ids) == SAMPLING.max_tokens
            ids = torch.tensor([[*asked, *one.token_ids]])
            with torch.inference_mode():
                logits = model(ids).logits[0, len(asked) - 1 : -1]
            expected = torch.log_softmax(logits / SAMPLING.temperature, dim=-1)
            drawn = expected.gather(1, torch.tensor(one.token_ids)[:, None])[:, 0]
            assert one.logprobs == pytest.approx(drawn.tolist(), abs=5e-3)
    assert len({one.token_ids for group in groups for one in group}) > 3, "each is drawn for itself"


def wait(until: Callable[[], bool]) -> None:
    for _ in itertools.takewhile(lambda _: not until(), range(3000)):
        time.sleep(0.02)
    assert until()


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("victim", ["vllm.entrypoints.openai.api_server", "VLLM::EngineCore", "VLLM::Worker"])
def test_a_served_model_answers_until_a_part_of_it_is_killed_and_then_nothing_of_it_is_left(
    tmp_path: Path, victim: str
) -> None:
    before = set(psutil.Process().children(recursive=True))
    config = TeacherConfig(kind="chat", model="tiny", serve=True, retries=2)
    with serve_on_demand(TINY, CONFIG, tmp_path / "logs", name="tiny") as served:
        engine = OpenAIEngine(config, tmp_path / "completions.db", served)
        first = engine.generate(PROMPTS, SAMPLING)
        check_against_transformers(first)
        family = set(psutil.Process().children(recursive=True)) - before
        (killed,) = [
            p for p in family if victim in " ".join(p.cmdline()) and "guardian" not in " ".join(p.cmdline())
        ]
        killed.kill()
        assert engine.generate(PROMPTS, SAMPLING) == first, "what was answered is kept"
        with pytest.raises(MachineError, match=r"vLLM server of 'tiny' ended with status .*\.log"):
            engine.generate(PROMPTS, Sampling(max_tokens=400, n=8, temperature=1.0))
    wait(lambda: not any(map(alive, family)))


def test_tailor_serve_serves_until_ctrl_c_and_leaves_nothing(
    tmp_path: Path, python_environment: dict[str, str]
) -> None:
    options = [
        "--port",
        "0",
        "--home",
        str(tmp_path),
        "--set",
        "vllm.cpu_cache_gib=1",
        "--set",
        "vllm.dtype=float32",
    ]
    command = [sys.executable, "-m", "flows.cli", "serve", "tiny", *options]
    server = subprocess.Popen(command, env=python_environment, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    said = server.stdout.readline()
    assert said.startswith("serving tiny at http://127.0.0.1:"), said
    url = said.split()[3].rstrip(";")
    config = TeacherConfig(kind="chat", model="tiny", base_url=url)
    ((answer,),) = OpenAIEngine(config, tmp_path / "completions.db").generate(
        PROMPTS[:1], Sampling(max_tokens=5)
    )
    assert answer.usage.completion_tokens == 5
    family = psutil.Process(server.pid).children(recursive=True)
    assert len(family) >= 5
    server.send_signal(signal.SIGINT)
    assert server.wait(60) == 0
    assert not any(map(alive, family))


OFFLINE = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from tailor_core.config.settings import prepare_vllm
from tailor_core.config.vllm import VLLMConfig
from tailor_core.inference.engine import Sampling
from tailor_core.inference.loading import load_engine
def main():
    given = json.loads(Path(sys.argv[1]).read_text())
    done = []
    loaded = load_engine(
        Path(given["model"]), "vllm", VLLMConfig(**given["config"]), workdir=Path("nowhere"), logs=Path("nowhere")
    )
    with loaded as engine:
        groups = engine.generate(given["prompts"], Sampling(**given["sampling"]), done.append)
        again = engine.generate(given["prompts"][::-1], Sampling(**given["sampling"]))
        schema = {"enum": ["a knight", "a knave"]}
        many = [[{"role": "user", "content": f"{i} knaves and {i + 1} knights " * 4}] for i in range(300)]
        engine.generate(many, Sampling(max_tokens=2))  # more than fits into one step
        held = engine.generate(given["prompts"], Sampling(max_tokens=40, schema=schema))
    rows = [[asdict(one) for one in group] for group in groups]
    same = [[one.token_ids for one in group] for group in again[::-1]]
    texts = [group[0].text for group in held]
    Path(sys.argv[2]).write_text(json.dumps({"rows": rows, "done": done, "again": same, "held": texts}))
if __name__ == "__main__":
    main()
"""


def test_vllm_in_process_gives_what_the_model_says_and_leaves_nothing(
    tmp_path: Path, python_environment: dict[str, str]
) -> None:
    given = {
        "model": str(TINY),
        "config": CONFIG.model_dump(),
        "prompts": PROMPTS,
        "sampling": {"temperature": 0.7, "max_tokens": 24, "n": 3, "seed": 11, "logprobs": True},
    }
    (tmp_path / "given.json").write_text(json.dumps(given))
    (tmp_path / "offline.py").write_text(OFFLINE)
    command = [str(find_vllm()), "offline.py", "given.json", "found.json"]
    done = subprocess.run(command, cwd=tmp_path, env=python_environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    groups = [[_completion(row) for row in group] for group in found["rows"]]
    check_against_transformers(groups)
    assert sum(found["done"]) == 6
    assert found["again"] == [[list(one.token_ids) for one in group] for group in groups]
    assert {json.loads(text) for text in found["held"]} <= {"a knight", "a knave"}


def _completion(row: dict[str, Any]) -> Completion:
    from tailor_core.inference.engine import Usage

    lists = {name: tuple(row[name]) for name in ("token_ids", "logprobs")}
    return Completion(**{**row, **lists, "usage": Usage(**row["usage"])})
