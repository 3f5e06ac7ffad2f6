"""`python -m tailor_core.stages.worker job.json`: run one stage in a process of its own.

That process may be in another environment. Each line on stdout is an event (`stages.events`), the last one the
artifact's reference and whether it was a hit. What the stage itself prints goes to stderr. A mistake that the user
can mend is one sentence on stderr, an event, and exit 2.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from tailor_core.config.settings import Settings, prepare_process
from tailor_core.errors import StageError, TailorError
from tailor_core.stages.events import Event
from tailor_core.stages.execute import StageJob, execute
from tailor_core.stages.fingerprint import code_digests, library_versions
from tailor_core.stages.spec import StageSpec
from tailor_core.stages.telling import Teller, own_stdout, pass_on_logs


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
    prepare_process(Settings(home=Path(job.home), store=job.store))
    # What is half-written is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with own_stdout() as stdout:
        teller = Teller(stdout)
        pass_on_logs(teller)
        try:
            check_environment(job.spec)
            outcome = execute(job, begin=teller.begin, say=teller.say)
        except Exception as error:
            teller.tell(Event.of_error(error))
            if isinstance(error, TailorError):
                print(error, file=sys.stderr)  # noqa: T201
                return 2
            raise
        teller.tell(Event(kind="done", ref=outcome.manifest.ref.to_json(), hit=outcome.hit))
    return 0


def check_environment(spec: StageSpec) -> None:
    """StageError where this environment has other code or libraries than the key says: it would make something else."""
    for what, wanted, here in (
        ("libraries", spec.libraries, library_versions(spec.libraries)),
        ("code", spec.code, code_digests(spec.code)),
    ):
        differing = [name for name in wanted if wanted[name] != here[name]]
        if differing:
            told = ", ".join(f"{name} {here[name]} instead of {wanted[name]}" for name in differing[:3])
            more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
            raise StageError(
                f"{spec.stage}: the environment of {sys.executable!r} has other {what} than the run that sent the "
                f"stage there ({told}{more}); install the same, or name that interpreter in [execution]"
            )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
