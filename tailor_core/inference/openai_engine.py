"""Completions from a server that speaks OpenAI's protocol, such as `vllm serve`.

The client library tries again, with growing pauses and jitter, where the server is busy (429), fails (5xx), hangs up
or is not heard of in time. Each completion is kept as it arrives (`completions`), and nothing kept is asked for again.
Where one request fails for good, those under way are still awaited and kept before the error is raised.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
from anyio.from_thread import start_blocking_portal
from pydantic import BaseModel, Field

from tailor_core.config.settings import read_secret
from tailor_core.config.teacher import TeacherConfig
from tailor_core.errors import MachineError, MissingExtraError, StageError, TailorError
from tailor_core.inference.account import Account
from tailor_core.inference.completions import CompletionStore, open_completions, request_key
from tailor_core.inference.engine import Completion, Finish, Messages, Request, Sampling, Usage

_FINISH: dict[Any, Finish] = {"length": "length", "content_filter": "filter"}
_NO_KEY = "none"
"""Sent where no key is set: servers of one's own ask for none, and the client library does not do without."""

_SHOWN = 200
"""An error quotes at most so many characters of a server's message."""


class OpenAIEngine:
    """The server and model of a `[teacher]` section as an `Engine`; `account` adds up what it takes."""

    def __init__(self, config: TeacherConfig, completions: Path) -> None:
        """`completions` is the file that keeps them. MissingExtraError without the package openai."""
        try:
            import openai
        except ImportError:
            raise MissingExtraError(
                "teacher.kind = 'chat' needs the package openai; install it with pip install 'tailor[openai]'"
            ) from None
        self._openai = openai
        self._config, self._path = config, completions
        self._key = read_secret(config.key_variable)
        self.account = Account(config.input_price, config.output_price)

    def generate(
        self,
        prompts: Sequence[Messages],
        sampling: Sampling,
        on_done: Callable[[int], None] | None = None,
    ) -> list[list[Completion]]:
        """See `Engine.generate`; the samples of a prompt have seeds one after the other."""
        requests = [
            Request(prompt, dataclasses.replace(sampling, n=1, seed=sampling.seed + i))
            for prompt in prompts
            for i in range(sampling.n)
        ]
        found = self.answer(requests, on_done)
        return [found[start : start + sampling.n] for start in range(0, len(found), sampling.n)]

    def answer(
        self, requests: Sequence[Request], on_done: Callable[[int], None] | None = None
    ) -> list[Completion]:
        """See `Answers.answer`.

        MachineError where the server cannot be reached, or fails until the deadline; StageError where it refuses
        key, model or request. It may be called where an event loop runs.
        """
        with open_completions(self._path) as kept, start_blocking_portal() as portal:
            return portal.call(self._answer, requests, kept, on_done or (lambda _: None))

    async def _answer(
        self, requests: Sequence[Request], kept: CompletionStore, on_done: Callable[[int], None]
    ) -> list[Completion]:
        keys = [self._identify(request) for request in requests]
        found: dict[str, Completion] = {}
        missing: dict[str, Request] = {}
        for key, request in zip(keys, requests, strict=True):
            if key in found or key in missing:
                on_done(1)
            elif completion := kept.find(key):
                found[key] = completion
                self.account.add(completion, now=False)
                on_done(1)
            else:
                missing[key] = request
        failures: list[TailorError] = []
        waiting = iter(missing.items())
        async with self._client() as client:

            async def work() -> None:
                for key, request in itertools.takewhile(lambda _: not failures, waiting):
                    try:
                        completion = await self._ask(client, request)
                        kept.keep(key, completion)
                    except TailorError as error:
                        failures.append(error)
                        return
                    found[key] = completion
                    self.account.add(completion, now=True)
                    on_done(1)

            async with anyio.create_task_group() as group:
                for _ in range(min(self._config.concurrency, len(missing))):
                    group.start_soon(work)
        if failures:
            raise failures[0]
        return [found[key] for key in keys]

    def _identify(self, request: Request) -> str:
        form = self._config.structured if request.sampling.schema else ""
        return request_key(self._config.model, request.messages, request.sampling, form)

    def _client(self) -> Any:
        return self._openai.AsyncOpenAI(
            base_url=self._config.base_url,
            api_key=self._key or _NO_KEY,
            max_retries=self._config.retries,
            timeout=self._config.attempt_seconds,
            http_client=self._openai.DefaultAsyncHttpxClient(event_hooks={"response": [_must_be_whole]}),
        )

    async def _ask(self, client: Any, request: Request) -> Completion:
        sampling = request.sampling
        optional: dict[str, Any] = {"logprobs": True} if sampling.logprobs else {}
        if sampling.schema and self._config.structured != "none":
            optional["response_format"] = _response_format(sampling, self._config.structured)
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
            return _completion(_parse(answer.content))
        except (self._openai.OpenAIError, TimeoutError) as error:
            if getattr(error, "code", None) == "content_filter":
                return Completion(text="", finish="filter", usage=Usage())
            raise self._told(error) from None  # its chain holds the request, and with that the key

    def _told(self, error: Exception) -> TailorError:
        """What went wrong, for a person; what the server says is quoted, but never a key."""
        api, config = self._openai, self._config
        server = f"the teacher's server {config.base_url!r}"
        again = "what was answered is kept, so run the same command again"
        match error:
            case api.APITimeoutError() | TimeoutError():
                return MachineError(
                    f"{server} did not answer a request within {config.deadline_seconds:g} s (a try: "
                    f"{config.attempt_seconds:g} s); {again}, with a lower teacher.concurrency or longer deadlines"
                )
            case api.APIConnectionError():
                return MachineError(
                    f"{server} cannot be reached, or does not end its answers; start it, or mend teacher.base_url; "
                    f"{again}"
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
                    f"{server} refuses a request ({self._quoted(error)}); mend what it names in [teacher], and where "
                    "that is response_format, set teacher.structured"
                )
            case _:
                return MachineError(
                    f"{server} fails or is busy after {config.retries} tries more ({self._quoted(error)}); {again}"
                )

    def _quoted(self, error: Any) -> str:
        """One line of a server's message."""
        text = " ".join(str(getattr(error, "message", error)).split())
        return (text.replace(self._key, "***") if self._key else text)[:_SHOWN]


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


async def _must_be_whole(response: Any) -> None:
    """Take what is no whole answer for a broken connection: the client then tries again."""
    if response.is_success:
        await response.aread()
        try:
            _parse(response.content)
        except ValueError:
            raise anyio.EndOfStream from None


def _response_format(sampling: Sampling, structured: str) -> dict[str, Any]:
    if structured == "json_object":
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": sampling.schema, "strict": True},
    }


def _completion(answer: _Answer) -> Completion:
    choice, usage = answer.choices[0], answer.usage or _Counts()
    told = choice.logprobs.content if choice.logprobs else None
    content = choice.message.content
    return Completion(
        text=_encodable(content) if isinstance(content, str) else "",
        logprobs=tuple(token.logprob for token in told or ()),
        finish=_FINISH.get(choice.finish_reason, "stop"),
        usage=Usage(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens),
    )


def _encodable(text: str) -> str:
    """The text, with halves of characters, which no file can hold, as replacement characters."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
