"""`tailor serve`: a vLLM server of a model, in the foreground."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict

from flows.options import Home
from tailor_core.config.load import apply_override, make_config
from tailor_core.config.settings import find_vllm, prepare_process, read_settings
from tailor_core.config.vllm import VLLMConfig

_LOOK_SECONDS = 0.5

_USE = """\
serving {name} at {url}; its log is {log}; Ctrl-C ends it
to have it as a teacher:

[teacher]
kind = "chat"
model = "{name}"
base_url = "{url}"
"""


class _Sections(BaseModel):
    """What `--set` may say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vllm: VLLMConfig = VLLMConfig()


def serve(
    model: Annotated[
        str,
        typer.Argument(help="a model as backbone.name has it: shipped, a directory, or a Hugging Face id"),
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any that is free")] = 8000,
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    name: Annotated[str, typer.Option(help="what the model is called there; default: MODEL")] = "",
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="vllm.KEY=VALUE", help="a value of the section [vllm]; repeatable"),
    ] = None,
    home: Home = None,
) -> None:
    """Serve a model with vLLM over OpenAI's protocol, until Ctrl-C or SIGTERM.

    vLLM has an environment of its own, which `make vllm-env` makes. Whatever is killed, nothing of the server stays.

    Example: tailor serve tiny --port 8000 --set vllm.max_model_len=1024
    """
    values: dict[str, object] = {}
    for override in overrides or []:
        apply_override(values, override)
    config = make_config(_Sections, values, "tailor serve").vllm
    settings = read_settings(home)
    prepare_process(settings)
    find_vllm()  # before a model is read for nothing
    from flows.terminal import show_progress
    from tailor_core.inference.models import local_model
    from tailor_core.inference.vllm_server import vllm_server

    show_progress()
    for how in (signal.SIGINT, signal.SIGTERM):
        signal.signal(how, _end)
    try:
        directory = local_model(model, settings.models, "MODEL")
        with vllm_server(
            directory, config, settings.servers, name=name or model, host=host, port=port
        ) as server:
            print(_USE.format(name=server.name, url=server.base_url, log=server.log), flush=True)
            while server.is_alive():
                time.sleep(_LOOK_SECONDS)
            raise server.died()
    except KeyboardInterrupt:
        print("ended")


def _end(number: int, frame: FrameType | None) -> None:
    """Also where SIGINT was ignored, as in the background of a shell."""
    raise KeyboardInterrupt
