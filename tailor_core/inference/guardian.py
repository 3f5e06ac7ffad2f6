"""Runs a command such that nothing of it outlives whoever wanted it, whoever is killed.

`python -m tailor_core.inference.guardian PARENT GRACE COMMAND...` is two guardians, one the parent of the other, and
the command below them. Each looks whether its own parent lives, is told when its child ends, and is given by Linux
all processes below it that lose their parent, whatever group or session they chose (a *subreaper*, prctl(2)). So it
finds and ends all of them when

- its parent is gone: the process PARENT was killed, or the guardian above was;
- its child is gone: the command ended or was killed, or the guardian below was;
- it is told to, by SIGTERM or SIGINT.

The command then has GRACE seconds to end in good order. The exit status is the command's, 128 + the signal where one
killed it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_STOP = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_LOOK_SECONDS = 0.5
"""How often to look after the parent; the end of a child is told at once."""

_REST_SECONDS = 3.0
"""What is left when the command has ended has so long to end by itself, and to remove its shared memory."""

_OUTER_SECONDS = _REST_SECONDS + 5
"""The outer guardian waits so much longer than the inner one, which has all of it to do."""


def guarded(command: Sequence[str], grace: float) -> list[str]:
    """The command that runs `command` below guardians, for this process: nothing of it outlives it.

    grace: seconds for the command to end in good order
    """
    return [sys.executable, "-m", "tailor_core.inference.guardian", str(os.getpid()), str(grace), *command]


def guard(parent: int, start: Callable[[], int], grace: float) -> int:
    """Be the parent of the process that `start` makes until that ends, then end all that is left below; its status.

    parent: the process whose end is to end all
    grace:  seconds for the child after SIGTERM
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")
    family = _Family(start())
    while family.status is None:
        heard = signal.sigtimedwait(_STOP | {signal.SIGCHLD}, _LOOK_SECONDS)
        family.reap()
        if os.getppid() != parent or (heard and heard.si_signo in _STOP):
            family.end([family.child], signal.SIGTERM, grace)
            break
    family.wait(_REST_SECONDS / 2)
    family.end(_below(), signal.SIGTERM, _REST_SECONDS / 2)
    while family.reap():
        family.end(_below(), signal.SIGKILL, _LOOK_SECONDS)
    status = family.status
    assert status is not None, "the child is no more"
    return status if status >= 0 else 128 - status


class _Family:
    """The child of a guardian, and whatever it was given since. `status` is the child's, as `subprocess` has it."""

    def __init__(self, child: int) -> None:
        self.child = child
        self.status: int | None = None

    def reap(self) -> bool:
        """Take note of those that ended; whether any are left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not pid:
                return True
            if pid == self.child:
                self.status = os.waitstatus_to_exitcode(status)

    def wait(self, seconds: float, *, child: bool = False) -> None:
        """Until all have ended, or the child alone; at most so long."""
        until = time.monotonic() + seconds
        while (
            self.reap() and not (child and self.status is not None) and (left := until - time.monotonic()) > 0
        ):
            signal.sigtimedwait({signal.SIGCHLD}, left)

    def end(self, pids: Iterable[int], how: signal.Signals, seconds: float) -> None:
        """Send a signal to these that nobody else can have reaped, and wait for the effect."""
        for pid in pids:
            try:
                os.kill(pid, how)
            except ProcessLookupError:
                continue
        self.wait(seconds, child=self.status is None)


def _below() -> list[int]:
    """All processes below this one, in whatever group or session they are."""
    return [process.pid for process in psutil.Process().children(recursive=True)]


def _spawn(command: Sequence[str]) -> int:
    """The command in a session of its own: a signal to its group reaches no guardian."""
    return os.posix_spawnp(command[0], list(command), os.environ, setsid=True, setsigmask=[])


def _fork(run: Callable[[], int]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.setsid()
        status = run()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)  # nothing that the parent would clean up at its exit is ours


def main(arguments: Sequence[str]) -> int:
    """See the module; the exit status."""
    parent, grace, *command = arguments
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP | {signal.SIGCHLD})  # they are waited for
    if os.getppid() != int(parent):
        return 1
    inner = partial(guard, os.getpid(), partial(_spawn, command), float(grace))
    return guard(int(parent), partial(_fork, inner), float(grace) + _OUTER_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
