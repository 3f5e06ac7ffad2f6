"""Renders a page as one file without any request.

Style, script and charts are inline, and a content security policy forbids all else: only the page's own script may run,
known by its hash. Text is escaped by Jinja2's autoescape and made visible by `text.visible`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tailor_core.report.svg import PALETTE
from tailor_core.report.text import visible

SHARED = "tailor_core.report"
"""The package whose templates all pages may use."""


def render(
    template: str, *, styles: Sequence[str], scripts: Sequence[str], package: str = SHARED, **content: Any
) -> str:
    """The page; templates, styles and scripts are those of the package, or shared ones."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(SHARED)]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = ("".join(_source(environment, name) for name in names) for names in (styles, scripts))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(
        **content,
        palette=PALETTE,
        style=Markup(style),
        script=Markup(script),
        script_digest=digest,
    )


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _shown(value: Any) -> Any:
    """Of every value that a template prints: text is made visible, markup of ours is left alone."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
