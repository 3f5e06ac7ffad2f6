"""What is a secret in a text, and texts without it: keys, and passwords in addresses.

Secrets come from the environment (or, in a flow, from Prefect's Secret blocks), and servers and libraries quote them
in what they say of a failure. Every `TailorError` shows its message `masked`, and so does what goes to logs, MLflow
and lineage of the errors of others.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import unquote

_MASK = "***"
_SHORTEST = 6
"""What is shorter is also a part of words, which would be masked with it."""

_NAMES = re.compile(
    r"(?:^|[_-])(?:api_?key|(?:access|secret|private|encryption|account)_?key(?:_id)?|secret|token|(?:pg)?password|"
    r"passwd|(?<=[_-])pwd|passphrase|auth_?string|credentials)$",
    re.IGNORECASE,
)
"""Names of fields and variables that hold a secret. `key_variable` and `max_tokens` do not."""

_PASSWORD = re.compile(r"(://[^/\s'\"@:]*):([^/\s'\"]+)@")
_IN_QUERY = re.compile(
    r"([?&](?:api_?key|key|(?:\w+[_-])?token|secret|password|sig|(?:[\w-]+-)?signature)=)[^&\s'\"]+",
    re.IGNORECASE,
)
_KEYS = re.compile(
    r"\b(?:sk-[\w-]{12,}|(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_\w{20,}|github_pat_\w{20,}|hf_[A-Za-z0-9]{20,}|"
    r"xox[abprs]-[\w-]{10,}|pn[ub]_\w{20,}|AIza[\w-]{35})|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
"""The shapes that well-known services give their keys."""

_remembered: set[str] = set()


def remember(secret: str) -> None:
    """Mask this from now on, whatever variable it was read from."""
    if len(secret) >= _SHORTEST:
        _remembered.add(secret)


def masked(text: str) -> str:
    """The text without the secrets of this process's environment, passwords in addresses, and keys by their shape."""
    for secret in sorted({*_remembered, *_of_environment()}, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    text = _PASSWORD.sub(rf"\1:{_MASK}@", text)
    return _KEYS.sub(_MASK, _IN_QUERY.sub(rf"\1{_MASK}", text))


def scrub(error: BaseException) -> None:
    """Mask what an exception says, and those that led to it: whoever prints a traceback prints them all."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            if any(isinstance(part, str) and masked(part) != part for part in one.args):
                one.args = tuple(masked(part) if isinstance(part, str) else part for part in one.args)
            if isinstance(one, OSError):  # it is told by these
                for name in ("strerror", "filename", "filename2"):
                    if isinstance(value := getattr(one, name), str) and masked(value) != value:
                        setattr(one, name, masked(value))
            todo += [one.__cause__, one.__context__]


def is_secret(name: str, value: str) -> bool:
    """Whether a value of that name, in a recipe, is a secret by its name, its shape, or as an address."""
    if not value.strip():
        return False
    return bool(_NAMES.search(name)) or holds_secret(value)


def holds_secret(text: str) -> bool:
    """Whether a text holds a key by its shape, or a password or key as a part of an address."""
    return any(form.search(text) for form in (_KEYS, _IN_QUERY, _PASSWORD))


def _of_environment() -> Iterator[str]:
    """What variables hold that is secret: by their names, and the passwords of addresses in any."""
    for name, value in os.environ.items():
        found = [value.strip()] if _NAMES.search(name) else []
        if name.lower().endswith("auth_string"):
            found.append(value.partition(":")[2])  # user:password
        for password in (match[2] for match in _PASSWORD.finditer(value)):
            found += [password, unquote(password)]
        yield from (one for one in found if len(one) >= _SHORTEST)
