"""The engine for a model directory: the one place that decides what samples from it, and where."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from tailor_core.artifacts.manifest import content_digest, describe_files
from tailor_core.config.keyed import keyed_values
from tailor_core.config.settings import prepare_vllm, runs_vllm
from tailor_core.config.teacher import TeacherConfig
from tailor_core.config.vllm import EngineKind, VLLMConfig
from tailor_core.inference.engine import Engine
from tailor_core.inference.openai_engine import OpenAIEngine, Served
from tailor_core.inference.pretrained import load_config, load_tokenizer
from tailor_core.inference.vllm_server import on_demand
from tailor_core.records import content_id

_IN_FLIGHT = 256
"""vLLM's own bound of completions that it works on at a time."""

_PATIENCE_SECONDS = 3600.0
"""A request may wait for all that are before it; that the server lives is looked after."""


@contextmanager
def load_engine(
    model: Path, kind: EngineKind, vllm: VLLMConfig, *, workdir: Path, logs: Path
) -> Iterator[Engine]:
    """The engine for a model directory, for as long as the context lasts.

    `transformers` runs in this process, in the floating-point type that pays here. `vllm` does where it can be
    imported; elsewhere it is a server that comes up with the first request, and goes with the context. What that
    answered is kept in `workdir`, and its log goes to `logs`.
    """
    if kind == "transformers":
        from tailor_core.inference.precision import fast_dtype
        from tailor_core.inference.transformers_engine import TransformersEngine

        yield TransformersEngine(model, fast_dtype(load_config(model)))
    elif runs_vllm():
        prepare_vllm(vllm)
        from tailor_core.inference.vllm_engine import vllm_engine

        with vllm_engine(model, vllm) as engine:
            yield engine
    else:
        asked = TeacherConfig(
            kind="chat",
            model=f"{model.parent.name}/{model.name[:12]}",  # of an artifact what `tailor store ls` calls it
            serve=True,
            concurrency=_IN_FLIGHT,
            attempt_seconds=_PATIENCE_SECONDS,
            deadline_seconds=_PATIENCE_SECONDS,
        )
        with serve_on_demand(model, vllm, logs, name=asked.model) as served:
            yield OpenAIEngine(asked, workdir / "completions.db", served)


@contextmanager
def serve_on_demand(model: Path, vllm: VLLMConfig, logs: Path, *, name: str) -> Iterator[Served]:
    """A server of the model for an `OpenAIEngine`: it comes up when there is something to ask.

    `name` is what the model is called there, as in the engine's section. Completions are known by the content of the
    model.
    """
    content = content_digest({file: told["sha256"] for file, told in describe_files(model).items()})
    with on_demand(model, vllm, logs, name=name) as up:
        yield Served(
            up, content_id([content, keyed_values(vllm)], length=64), cache(partial(_turn_ends, model))
        )


def _turn_ends(model: Path) -> list[int]:
    from tailor_core.inference.transformers_engine import turn_end

    end = turn_end(load_tokenizer(model))
    return [] if end is None else [end]
