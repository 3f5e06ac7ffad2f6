"""Tokens a second of the engines on the same prompts and seeds, and what Tailor's layer costs over the bare library.

`transformers` is Tailor's own sampler in this environment. `offline` runs in that of vLLM: bare is `LLM.generate` on
token ids of chats, ours `VLLMEngine`. `served` is one `tailor serve`d model: bare is a loop of the client library that
keeps as many requests in flight, ours `OpenAIEngine`, which besides keeps every completion on the disk. The two arms
take turns; the overhead compares their best rounds.

    python tests/benchmarks/bench_engines.py [--models tiny smollm2-135m] [--batches 1 64 256] [--tokens 128]
        [--rounds 3] [--skip served]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tailor_core.config.settings import find_vllm, read_settings, vllm_variables
from tailor_core.config.vllm import VLLMConfig
from tailor_core.environments import get_environment
from tailor_core.inference.engine import Messages, Sampling, requests_of

KINDS = ("transformers", "offline", "served")
CONFIG = VLLMConfig(max_model_len=1024)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["tiny", "smollm2-135m"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 64, 256])
    parser.add_argument("--tokens", type=int, default=128, help="of a completion at most")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each arm, after one that warms up")
    parser.add_argument("--skip", nargs="*", choices=KINDS, default=[])
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.kind:
        arguments.into.write_text(json.dumps(measure(arguments)))
        return
    rows = [
        (name, kind, found)
        for name, kind in itertools.product(arguments.models, KINDS)
        if kind not in arguments.skip
        for found in in_its_environment(name, kind, arguments)
    ]
    show(rows, arguments)


def in_its_environment(name: str, kind: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """What a process of its own measures of one kind of engine: a row for each batch."""
    from tailor_core.inference.models import local_model

    model = local_model(name, read_settings().models)
    python = str(find_vllm()) if kind == "offline" else sys.executable
    command = [python, __file__, "--kind", kind, "--models", str(model), "--tokens", str(arguments.tokens)]
    command += ["--rounds", str(arguments.rounds), "--batches", *map(str, arguments.batches)]
    root = str(Path(__file__).parents[2])
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "found.json"
        variables = {**vllm_variables(CONFIG), "PYTHONPATH": root}
        subprocess.run([*command, "--into", str(into)], check=True, env=variables, stdout=subprocess.DEVNULL)
        found: list[dict[str, Any]] = json.loads(into.read_text())
    return found


def measure(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Best tokens a second of each arm, for each batch."""
    (model,) = map(Path, arguments.models)
    with tempfile.TemporaryDirectory() as folder:
        return {"transformers": transformers, "offline": offline, "served": served}[arguments.kind](
            model, arguments, Path(folder)
        )


Arm = Callable[[list[Messages], Sampling], int]
"""Completes each prompt once; how many tokens that were."""


def compared(arguments: argparse.Namespace, **arms: Arm) -> list[dict[str, Any]]:
    kk = get_environment("kk")
    options = kk.options_model(people=(3,))
    problems = kk.generate(options, count=max(arguments.batches), split="train", seed=0)
    prompts: list[Messages] = [[{"role": "user", "content": problem.question}] for problem in problems]
    rows = []
    for batch in arguments.batches:
        best = dict.fromkeys(arms, 0.0)
        calls = max(1, 16 // batch)  # of one prompt at a time there are several, each another
        for turn in range(arguments.rounds + 1):
            for name, arm in arms.items():
                start, tokens = time.perf_counter(), 0
                for call in range(calls):
                    chosen = prompts[call * batch : (call + 1) * batch] or prompts[:batch]
                    sampling = Sampling(max_tokens=arguments.tokens, seed=turn, logprobs=True)
                    tokens += arm(chosen, sampling)
                if turn:
                    best[name] = max(best[name], tokens / (time.perf_counter() - start))
        rows.append({"batch": batch, **best})
    return rows


def transformers(model: Path, arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    from tailor_core.inference.loading import load_engine

    with load_engine(model, "transformers", CONFIG, workdir=folder, logs=folder) as engine:
        return compared(
            arguments, ours=lambda prompts, sampling: tokens_of(engine.generate(prompts, sampling))
        )


def offline(model: Path, arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    from tailor_core.inference.loading import load_engine

    with load_engine(model, "vllm", CONFIG, workdir=folder, logs=folder) as engine:
        return compared(
            arguments,
            bare=partial(bare_offline, engine.llm, engine.llm.get_tokenizer()),
            ours=lambda prompts, sampling: tokens_of(engine.generate(prompts, sampling)),
        )


def bare_offline(llm: Any, tokenizer: Any, prompts: list[Messages], sampling: Sampling) -> int:
    import vllm

    ids = [
        tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=True, return_dict=False)
        for prompt in prompts
    ]
    parameters = [
        vllm.SamplingParams(max_tokens=sampling.max_tokens, seed=one.sampling.seed, logprobs=0)
        for one in requests_of(prompts, sampling)
    ]
    outputs = llm.generate([{"prompt_token_ids": one} for one in ids], parameters, use_tqdm=False)
    return sum(len(output.outputs[0].token_ids) for output in outputs)


def served(model: Path, arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    import openai

    from tailor_core.config.teacher import TeacherConfig
    from tailor_core.inference.openai_engine import OpenAIEngine, Served
    from tailor_core.inference.vllm_server import vllm_server

    in_flight = max(arguments.batches)
    config = TeacherConfig(kind="chat", model="m", serve=True, concurrency=in_flight, attempt_seconds=3600)
    with vllm_server(model, CONFIG, folder, name="m") as server:

        async def ask(prompts: list[Messages], sampling: Sampling) -> int:
            async with openai.AsyncOpenAI(base_url=server.base_url, api_key="none", timeout=3600) as client:
                answers = await asyncio.gather(
                    *(
                        client.chat.completions.create(
                            model="m",
                            messages=one.messages,
                            max_tokens=sampling.max_tokens,
                            temperature=1.0,
                            seed=one.sampling.seed,
                            logprobs=True,
                            extra_body={"return_token_ids": True},
                        )
                        for one in requests_of(prompts, sampling)
                    )
                )
            return sum(answer.usage.completion_tokens for answer in answers)

        files = itertools.count()

        def ours(prompts: list[Messages], sampling: Sampling) -> int:
            kept = folder / f"{next(files)}.db"  # a new one: nothing was answered before
            engine = OpenAIEngine(config, kept, Served(lambda: server, "m", list))
            return tokens_of(engine.generate(prompts, sampling))

        return compared(
            arguments, bare=lambda prompts, sampling: asyncio.run(ask(prompts, sampling)), ours=ours
        )


def tokens_of(groups: list[list[Any]]) -> int:
    return sum(one.usage.completion_tokens for group in groups for one in group)


def show(rows: list[tuple[str, str, dict[str, Any]]], arguments: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "model", "engine", "batch", "bare tokens/s", "ours tokens/s", "overhead",
        title=f"at most {arguments.tokens} tokens a completion, {os.cpu_count()} cores, best of {arguments.rounds}",
    )  # fmt: skip
    for name, kind, found in rows:
        bare, ours = found.get("bare"), found["ours"]
        overhead = f"{100 * (1 - ours / bare):.1f} %" if bare else ""
        told = f"{bare:,.0f}" if bare else ""
        table.add_row(name, kind, str(found["batch"]), told, f"{ours:,.0f}", overhead)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
