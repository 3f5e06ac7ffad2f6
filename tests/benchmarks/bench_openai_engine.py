"""What keeping completions costs: `python tests/benchmarks/bench_openai_engine.py`.

The engine for OpenAI-compatible servers against the bare client library with a semaphore, side by side: the same
requests, as many at once, to the same server in a process of its own, in turns. The server takes as long for each
answer as a small model on a GPU would. The figures are medians of turns, in wall-clock time.

* bare:   `AsyncOpenAI` and a semaphore, nothing kept
* engine: the same requests, each completion on the disk before the next is asked for
* kept:   the same again, all of them kept before
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from openai import AsyncOpenAI
from scripted_server import Reply, ScriptedServer

from tailor_core.config.teacher import TeacherConfig
from tailor_core.inference.engine import Request, Sampling
from tailor_core.inference.openai_engine import OpenAIEngine

TURNS, REQUESTS, AT_ONCE, SECONDS, WORDS = 7, 192, 16, 0.25, 200


def main() -> None:
    """Print milliseconds a completion of each way, and what the engine adds."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    url = here.recv()
    config = TeacherConfig(kind="chat", model="m", base_url=url, concurrency=AT_ONCE)
    sampling = Sampling(max_tokens=WORDS)
    prompts = [[{"role": "user", "content": f"question {i} " + "word " * 300}] for i in range(REQUESTS)]

    async def ask_all() -> None:
        gate = asyncio.Semaphore(AT_ONCE)
        async with AsyncOpenAI(base_url=url, api_key="none") as client:

            async def ask(prompt: list[dict[str, str]]) -> None:
                async with gate:
                    await client.chat.completions.create(model="m", messages=prompt, max_tokens=WORDS)

            await asyncio.gather(*map(ask, prompts))

    def ask_engine(folder: str) -> None:
        engine = OpenAIEngine(config, Path(folder) / "completions.db")
        engine.answer([Request(prompt, sampling) for prompt in prompts])

    turns = []
    for _ in range(TURNS):
        with tempfile.TemporaryDirectory() as folder:
            bare = timed(lambda: asyncio.run(ask_all()))
            turns.append((bare, *(timed(lambda folder=folder: ask_engine(folder)) for _ in range(2))))
    server.terminate()
    bare, engine, kept = (median(column) * 1e3 / REQUESTS for column in zip(*turns, strict=True))
    added = median(own / other - 1 for other, own, _ in turns)
    print(
        f"bare {bare:.2f} ms, engine {engine:.2f} ms, kept {kept:.2f} ms a completion; the engine adds {added:.1%}"
    )


def serve(pipe: Connection) -> None:
    """Answer until the process ends."""
    with ScriptedServer(lambda _: Reply(text="word " * WORDS, delay=SECONDS)) as server:
        pipe.send(server.url)
        time.sleep(3600)


def timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
