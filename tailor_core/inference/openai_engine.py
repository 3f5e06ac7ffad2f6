"""Completions from a server that speaks OpenAI's protocol, such as `vllm serve`.

It may also be a server of our own, which comes up when there is something to ask (`Served`).

The client library tries again, with growing pauses and jitter, where the server is busy (429), fails (5xx), hangs up
or is not heard of in time. Each completion is kept as it arrives (`completions`), and nothing kept is asked for again.
Where one request fails for good, those under way are still awaited and kept before the error is raised.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from anyio.from_thread import start_blocking_portal
from pydantic import BaseModel, Field

from tailor_core.config.settings import read_secret
from tailor_core.config.teacher import TeacherConfig
from tailor_core.errors import MachineError, MissingExtraError, StageError, TailorError
from tailor_core.inference.account import Account
from tailor_core.inference.completions import open_completions, request_key
from tailor_core.inference.engine import (
    Completion,
    Finish,
    Messages,
    Request,
    Sampling,
    Usage,
    grouped,
    requests_of,
)
from tailor_core.inference.vllm_server import VLLMServer
from tailor_core.secrets import masked

_FINISH: dict[Any, Finish] = {"length": "length", "content_filter": "filter"}
_NO_KEY = "none"
"""Sent where no key is set: servers of one's own ask for none, and the client library does not do without."""

_PARSED = "tailor.answer"
"""What a response was read as, among its extensions: answers with log-probs are long, and need not be read twice."""

_BOUNDS = ("minLength", "maxLength", "minItems", "maxItems")

_SHOWN = 200
"""An error quotes at most so many characters of a server's message."""


_LOOK_SECONDS = 0.5
"""How often to look whether a server of our own lives."""

_END_SECONDS = 15.0
"""A server of our own that fails may be about to end: so long its guardians may take."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server of our own.

    up:    gives it, and brings it up at the first call
    model: the identity of what it serves, by which completions are known: a name may come to mean other weights
    ends:  tokens that end a completion besides those that vLLM knows; asked for once there is something to ask
    """

    up: Callable[[], VLLMServer]
    model: str
    ends: Callable[[], Sequence[int]]


class OpenAIEngine:
    """The server and model of a `[teacher]` section as an `Engine`; `account` adds up what it takes."""

    def __init__(self, config: TeacherConfig, completions: Path, served: Served | None = None) -> None:
        """`completions` is the file that keeps them; what is `served` is asked in place of the address of `config`.

        MissingExtraError without the package openai.
        """
        try:
            import openai
        except ImportError:
            raise MissingExtraError(
                "teacher.kind = 'chat' needs the package openai; install it with pip install 'tailor[openai]'"
            ) from None
        self._openai = openai
        self._config, self._path, self._served = config, completions, served
        self._key = "" if served else read_secret(config.key_variable)
        self.account = Account(config.input_price, config.output_price)

    def generate(
        self,
        prompts: Sequence[Messages],
        sampling: Sampling,
        on_done: Callable[[int], None] | None = None,
    ) -> list[list[Completion]]:
        """See `Engine.generate`; each completion is asked with a seed of its own (`engine.requests_of`)."""
        return grouped(self.answer(requests_of(prompts, sampling), on_done), sampling.n)

    def answer(
        self, requests: Sequence[Request], on_done: Callable[[int], None] | None = None
    ) -> list[Completion]:
        """See `Answers.answer`.

        MachineError where the server cannot be reached, fails until the deadline, or was killed; StageError where it
        refuses key, model or request, or gives up. It may be called where an event loop runs.
        """
        done = on_done or (lambda _: None)
        keys = [self._identify(request) for request in requests]
        with open_completions(self._path) as kept:
            found: dict[str, Completion] = {}
            missing: dict[str, Request] = {}
            for key, request in zip(keys, requests, strict=True):
                if key in found or key in missing:
                    done(1)
                elif completion := kept.find(key):
                    found[key] = completion
                    self.account.add(completion, now=False)
                    done(1)
                else:
                    missing[key] = request
            if missing:
                server = self._served.up() if self._served else None

                def take(key: str, completion: Completion) -> None:
                    kept.keep(key, completion)
                    found[key] = completion
                    self.account.add(completion, now=True)
                    done(1)

                with start_blocking_portal() as portal:
                    portal.call(self._ask_all, missing, server, take)
        return [found[key] for key in keys]

    async def _ask_all(
        self,
        missing: Mapping[str, Request],
        server: VLLMServer | None,
        take: Callable[[str, Completion], None],
    ) -> None:
        """Ask for what is missing, and have each completion taken as it comes."""
        failures: list[TailorError] = []
        waiting, unanswered = iter(missing.items()), set(missing)
        extra: dict[str, Any] = {}
        if self._served:
            extra["extra_body"] = {"return_token_ids": True, "stop_token_ids": list(self._served.ends())}

        async def work(client: Any) -> None:
            for key, request in itertools.takewhile(lambda _: not failures, waiting):
                try:
                    take(key, await self._ask(client, request, extra))
                    unanswered.remove(key)
                except TailorError as error:
                    failures.append(error)

        async with self._client(server) as client, anyio.create_task_group() as watched:
            if server:
                watched.start_soon(_end_with, server, watched.cancel_scope)
            async with anyio.create_task_group() as workers:
                for _ in range(min(self._config.concurrency, len(missing))):
                    workers.start_soon(work, client)
            watched.cancel_scope.cancel()
        if unanswered:
            failed = failures[0] if failures else None
            if server and not isinstance(failed, StageError) and server.ends(_END_SECONDS):
                raise server.died()
            assert failed, "whoever did not answer failed or died"
            raise failed

    def _identify(self, request: Request) -> str:
        form = self._config.structured if request.sampling.schema else ""
        model = self._served.model if self._served else self._config.model
        return request_key(model, request.messages, request.sampling, form)

    def _client(self, server: VLLMServer | None) -> Any:
        return self._openai.AsyncOpenAI(
            base_url=server.base_url if server else self._config.base_url,
            api_key=self._key or _NO_KEY,
            max_retries=self._config.retries,
            timeout=self._config.attempt_seconds,
            http_client=self._openai.DefaultAsyncHttpxClient(
                event_hooks={"response": [_must_be_whole]},
                trust_env=server is None,  # no proxy is between us and our own
            ),
        )

    async def _ask(self, client: Any, request: Request, extra: Mapping[str, Any]) -> Completion:
        sampling = request.sampling
        optional: dict[str, Any] = {**extra, **({"logprobs": True} if sampling.logprobs else {})}
        if sampling.schema and self._config.structured != "none":
            schema = sampling.schema if self._served else _portable(sampling.schema)
            optional["response_format"] = _response_format(schema, self._config.structured)
        try:
            with anyio.fail_after(self._config.deadline_seconds):
                answer = await client.chat.completions.with_raw_response.create(
                    model=self._config.model,
                    messages=list(request.messages),
                    temperature=sampling.temperature,
                    top_p=sampling.top_p,
                    max_tokens=sampling.max_tokens,
                    seed=sampling.seed,
                    **optional,
                )
            return _completion(answer.http_response.extensions[_PARSED])
        except (self._openai.OpenAIError, TimeoutError) as error:
            if getattr(error, "code", None) == "content_filter":
                return Completion(text="", finish="filter", usage=Usage())
            raise self._told(error) from None  # its chain holds the request, and with that the key

    def _told(self, error: Exception) -> TailorError:
        """What went wrong, for a person; what the server says is quoted, but never a key."""
        api, config = self._openai, self._config
        ours = self._served is not None
        server = (
            f"the vLLM server of {config.model!r}" if ours else f"the teacher's server {config.base_url!r}"
        )
        again = "what was answered is kept, so run the same command again"
        match error:
            case api.APITimeoutError() | TimeoutError():
                return MachineError(
                    f"{server} did not answer a request within {config.deadline_seconds:g} s (a try: "
                    f"{config.attempt_seconds:g} s); {again}, with a lower teacher.concurrency or longer deadlines"
                )
            case api.APIConnectionError():
                return MachineError(
                    f"{server} cannot be reached, or does not end its answers; "
                    f"{'' if ours else 'start it, or mend teacher.base_url; '}{again}"
                )
            case api.AuthenticationError() | api.PermissionDeniedError():
                state = "is not set" if not self._key else "holds a key that it refuses"
                return StageError(
                    f"{server} asks for a key, and the variable {config.key_variable} {state}; set that variable, or "
                    "name another in teacher.key_variable"
                )
            case api.NotFoundError():
                return StageError(
                    f"{server} does not know the model {config.model!r}, or is no address of this protocol "
                    f"({self._quoted(error)}); mend teacher.model or teacher.base_url"
                )
            case api.APIStatusError() if error.status_code < 500 and not isinstance(
                error, api.RateLimitError
            ):
                return StageError(
                    f"{server} refuses a request ({self._quoted(error)}); mend what it names in "
                    f"{'the recipe' if ours else '[teacher]'}, and where that is response_format, set "
                    "teacher.structured"
                )
            case _:
                return MachineError(
                    f"{server} fails or is busy after {config.retries} tries more ({self._quoted(error)}); {again}"
                )

    def _quoted(self, error: Any) -> str:
        """One line of a server's message."""
        return masked(" ".join(str(getattr(error, "message", error)).split()))[:_SHOWN]


class _Message(BaseModel):
    content: Any = None  # may hold halves of characters, which are no text to pydantic


class _Token(BaseModel):
    logprob: float


class _Tokens(BaseModel):
    content: list[_Token] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Tokens | None = None
    token_ids: list[int] | None = None


class _Counts(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Answer(BaseModel):
    """What Tailor needs of a server's answer; the rest may be as it likes."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Counts | None = None


def _parse(content: bytes) -> _Answer:
    """ValueError where an answer is cut off, or is something else."""
    try:
        return _Answer.model_validate(json.loads(content))
    except RecursionError:
        raise ValueError("nested too deeply") from None


async def _end_with(server: VLLMServer, scope: anyio.CancelScope) -> None:
    """Wait no longer for a server that has ended."""
    while server.is_alive():
        await anyio.sleep(_LOOK_SECONDS)
    scope.cancel()


async def _must_be_whole(response: Any) -> None:
    """Take what is no whole answer for a broken connection: the client then tries again. Keep what was read of one."""
    if response.is_success:
        await response.aread()
        try:
            response.extensions[_PARSED] = _parse(response.content)
        except ValueError:
            raise anyio.EndOfStream from None


def _portable(schema: Any) -> Any:
    """A JSON schema without the bounds that hosted servers refuse in one; whoever asks validates."""
    if isinstance(schema, Mapping):
        return {key: _portable(value) for key, value in schema.items() if key not in _BOUNDS}
    return schema


def _response_format(schema: Any, structured: str) -> dict[str, Any]:
    if structured == "json_object":
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    }


def _completion(answer: _Answer) -> Completion:
    choice, usage = answer.choices[0], answer.usage or _Counts()
    told = choice.logprobs.content if choice.logprobs else None
    content = choice.message.content
    return Completion(
        text=_encodable(content) if isinstance(content, str) else "",
        token_ids=tuple(choice.token_ids or ()),
        logprobs=tuple(token.logprob for token in told or ()),
        finish=_FINISH.get(choice.finish_reason, "stop"),
        usage=Usage(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens),
    )


def _encodable(text: str) -> str:
    """The text, with halves of characters, which no file can hold, as replacement characters."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
