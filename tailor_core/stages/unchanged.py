"""Whether the code that a run would import is still that of when the run began.

A key tells the code as it was when it was first read, and modules are imported when they are needed, minutes or hours
later. What a stage made of code that was edited in between would lie under a key that says otherwise, for good.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from tailor_core.errors import MachineError
from tailor_core.stages.fingerprint import code_fingerprint
from tailor_core.stages.spec import StageSpec

_noted: dict[str, str] = {}
"""Module -> digest of its source when this process first looked at it."""


def note_sources(functions: Iterable[str]) -> None:
    """Note the source of all modules that these stages reach, given as `module:function`."""
    for module in {function.partition(":")[0] for function in functions}:
        for name in code_fingerprint(module):
            _noted.setdefault(name, _digest(name))


def check_sources(spec: StageSpec) -> None:
    """MachineError where a source of the stage is not as it was noted; what was not noted is noted now."""
    now = {name: _digest(name) for name in spec.code}
    changed = [name for name, digest in now.items() if _noted.setdefault(name, digest) != digest]
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise MachineError(
            f"{spec.stage}: the source of {changed[0]!r}{more} was changed while this run went on, which would make "
            "something else than its key says; run the same again, which goes on with the code as it is now"
        )


def _digest(module: str) -> str:
    """Of its bytes; empty where there is no file."""
    found = find_spec(module)
    file = Path(found.origin) if found and found.origin else None
    return hashlib.sha256(file.read_bytes()).hexdigest() if file and file.is_file() else ""
