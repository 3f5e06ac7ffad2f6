"""Prompts as files: Jinja templates, one a message. What is put into them is data, and is never read as a template."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


class Prompts:
    """The templates `<name>.jinja` of a directory.

    Text that a model wrote goes through `tojson` in all of them: then it is one JSON string, in which no quote, line
    break, tag or template syntax means anything.
    """

    def __init__(self, directory: Path) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(directory),
            undefined=StrictUndefined,
            autoescape=False,  # prompts are no HTML
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}

    def message(self, name: str, **values: Any) -> dict[str, str]:
        """The user's message that a template makes of these values."""
        text = self._environment.get_template(f"{name}.jinja").render(values)
        return {"role": "user", "content": text.strip()}


def prompts_of(package: str) -> Path:
    """The directory of a package's own templates."""
    return Path(str(files(package))) / "prompts"
