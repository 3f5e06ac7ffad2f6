"""`python -m tailor_core.stages.worker job.json`: run one stage in a process of its own.

That process may be in another environment. The last line on stdout is JSON: the artifact's reference and
whether it was a hit. A mistake that the user can mend is one sentence on stderr and exit 2.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from tailor_core.config.settings import Settings, prepare_process
from tailor_core.errors import TailorError
from tailor_core.stages.execute import StageJob, execute


def main(arguments: list[str]) -> int:
    """Run the job in the file that the only argument names; the exit status."""
    if len(arguments) != 1:
        print("usage: python -m tailor_core.stages.worker job.json", file=sys.stderr)  # noqa: T201
        return 2
    try:
        job = StageJob.from_json(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{arguments[0]!r} holds no stage job ({error}); give one that Tailor wrote", file=sys.stderr)  # noqa: T201
        return 2
    logging.getLogger("tailor").addHandler(logging.StreamHandler())
    logging.getLogger("tailor").setLevel(logging.INFO)
    prepare_process(Settings(home=Path(job.home), store=job.store))
    try:
        outcome = execute(job, say=lambda message: print(message, file=sys.stderr))  # noqa: T201
    except TailorError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    print(json.dumps({"ref": outcome.manifest.ref.to_json(), "hit": outcome.hit}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
