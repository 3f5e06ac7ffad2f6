"""The `[teacher]` section: who proposes primitives and writes demonstrations.

`primitives` and `demonstrations` read it. What says where and how fast a server is asked changes nothing in what it
answers, and is in no stage key. A key (password) of a server is in no recipe: the environment holds it.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tailor_core.config.keyed import UNKEYED
from tailor_core.records import TeacherKind

Structured = Literal["json_schema", "json_object", "none"]

_SAMPLED = ("temperature", "top_p", "max_tokens", "shots")


class TeacherConfig(BaseModel):
    """The procedural teacher runs programs and needs nothing; the others are language models, and sample.

    `rows` is for `self` alone; what is not of sampling, for `chat` alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: TeacherKind = Field(
        default="procedural",
        description="`procedural` runs programs of moves; `chat` asks a server that speaks OpenAI's protocol; `self` "
        "is the student, the run's backbone, which a primitive's instruction primes",
    )
    model: str = Field(
        default="",
        description="the name of the model at the server; with `serve` a model by name, as backbone.name has it",
    )
    serve: bool = Field(
        default=False,
        description="whether Tailor brings up a vLLM server of the model itself, as [vllm] says, when it is asked",
    )
    temperature: float = Field(default=0.8, ge=0, le=2, description="0 is greedy")
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=2048, ge=1, description="length of a completion at most")
    shots: int = Field(
        default=0,
        ge=0,
        description="problems that a language model is shown solved, by the plainest program of the family's move "
        "language, before the one that it is to solve: small models find the form of a reply in no other way",
    )
    rows: int = Field(
        default=128,
        ge=1,
        description="completions that `self` samples at once: more are faster, and take more memory; another number "
        "gives other samples",
    )
    structured: Structured = Field(
        default="json_schema",
        description="how proposals are asked for: the response_format that the server knows; with `none` the prompt "
        "alone asks for JSON",
    )
    base_url: Annotated[str, UNKEYED] = Field(
        default="http://127.0.0.1:8000/v1",
        description="of the server, with its /v1; the default is `vllm serve`'s, and `serve` has its own",
    )
    key_variable: Annotated[str, UNKEYED] = Field(
        default="OPENAI_API_KEY",
        pattern=r"^[A-Za-z_]\w*$",
        description="the environment variable that holds the server's API key",
    )
    concurrency: Annotated[int, UNKEYED] = Field(default=16, ge=1, description="requests in flight at most")
    retries: Annotated[int, UNKEYED] = Field(
        default=8,
        ge=0,
        description="tries after the first where the server is busy, fails, or is not heard of",
    )
    attempt_seconds: Annotated[float, UNKEYED] = Field(
        default=120, gt=0, description="a try that heard nothing for so long is given up"
    )
    deadline_seconds: Annotated[float, UNKEYED] = Field(
        default=900, gt=0, description="a request with all its tries takes no longer than that"
    )
    input_price: Annotated[float, UNKEYED] = Field(
        default=0.0, ge=0, description="US dollars for a million tokens of prompts"
    )
    output_price: Annotated[float, UNKEYED] = Field(
        default=0.0, ge=0, description="US dollars for a million tokens of completions"
    )

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        wrong = ValueError(f"base_url = {value!r} is no http(s) address, such as http://127.0.0.1:8000/v1")
        try:
            parts = urlsplit(value)
            address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            raise wrong from None
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                "base_url holds a password, a query or a fragment, which would be kept in logs; give the address "
                "alone, and the key in the variable that key_variable names"
            )
        if not address:
            raise wrong
        return value

    @model_validator(mode="after")
    def _chat_has_a_model(self) -> TeacherConfig:
        if self.kind == "chat" and not self.model.strip():
            raise ValueError(
                "model is empty, but kind = 'chat' asks a model; set teacher.model to its name at the server"
            )
        if self.serve and self.base_url != type(self).model_fields["base_url"].default:
            raise ValueError(
                f"base_url = {self.base_url!r} is of no use with serve = true, which brings up a server of its own; "
                "leave one of them out"
            )
        return self

    def used(self) -> TeacherConfig:
        """What decides a result: the settings of this kind of teacher, whatever else the recipe says."""
        if self.kind == "chat":
            foreign = {"rows"}
        else:
            own = {"kind", "rows", *_SAMPLED} if self.kind == "self" else {"kind"}
            foreign = type(self).model_fields.keys() - own
        return self.model_copy(update={name: type(self).model_fields[name].default for name in foreign})
