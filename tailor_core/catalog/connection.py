"""Opening a catalog: the only module, with its siblings, that imports duckdb.

DuckDB would fetch extensions over the network when a query seems to need one; here that is switched off, so
such a query fails at once with a clear error. A catalog that is only read gives its queries no file but itself, and
no query can change that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import duckdb

from tailor_core.errors import ArtifactError

Connection: TypeAlias = "duckdb.DuckDBPyConnection"
IN_MEMORY = ":memory:"

_OFFLINE = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",  # a name in a query is a table, never a variable of ours
    "lock_configuration": "true",
}
_READABLE_SINCE = "v1.5.0"
"""The oldest DuckDB that reads a catalog made here; what 2.0 writes by itself no older one does."""


@contextmanager
def open_catalog(path: Path | str = IN_MEMORY, *, read_only: bool = False) -> Iterator[Connection]:
    """A connection to the database at `path`, closed at the end; made where missing, unless `read_only`.

    ArtifactError where it cannot be opened: held by another process, damaged, or missing and read only.
    """
    if "?" in str(path):
        # DuckDB takes what follows for options and would write its log to another place.
        raise ArtifactError(
            f"the catalog {str(path)!r} cannot lie in a folder with '?' in its name; rename it"
        )
    try:
        config = {**_OFFLINE, "storage_compatibility_version": _READABLE_SINCE}
        if read_only:
            config["enable_external_access"] = "false"
        connection = duckdb.connect(str(path), read_only=read_only, config=config)
    except duckdb.Error as error:
        raise ArtifactError(_why_not(path, str(error))) from error
    try:
        yield connection
    finally:
        connection.close()


def _why_not(path: Path | str, reason: str) -> str:
    if "Could not set lock" in reason:
        return f"the catalog {str(path)!r} is open in another process; close that one and try again"
    first_line = reason.splitlines()[0]
    return (
        f"the catalog {str(path)!r} cannot be opened ({first_line}); where it is damaged, delete it: "
        "`tailor catalog rebuild` makes it again"
    )
