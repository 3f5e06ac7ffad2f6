"""`python -m flows.trial run ...`: `tailor run ...` for a study, which is to know whether another try has a point.

A stage that cannot do what its recipe asks is one sentence and exit 2, as on the command line. Where the machine failed
(a full disk, for which the command line has the same status) the exit status is 1: the next time may go well.
"""

from __future__ import annotations

import sys

from flows.cli import app
from tailor_core.config.settings import read_env_file
from tailor_core.errors import MachineError, TailorError


def main() -> None:
    """Run the command line; what it raises goes through, but for what a person can mend."""
    read_env_file()
    try:
        app()
    except TailorError as error:
        print(f"tailor: {error}", file=sys.stderr)
        sys.exit(1 if isinstance(error, MachineError) else 2)


if __name__ == "__main__":
    main()
