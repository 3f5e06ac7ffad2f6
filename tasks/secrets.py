"""Keys of servers from Prefect's Secret blocks, where the environment does not hold them.

A worker on another machine has an environment of its own. A key that is saved once as a Secret block, which Prefect's
server keeps encrypted, reaches the stages that need it wherever they run; it is in no parameter, and on no disk.
"""

from __future__ import annotations

from prefect.blocks.system import Secret

from tailor_core.config.keyed import all_values
from tailor_core.config.settings import read_secret, set_secret
from tailor_core.stages.execute import StageJob


def block_name(variable: str) -> str:
    """The name of the Secret block that stands in for a variable: `openai-api-key` for `OPENAI_API_KEY`."""
    return variable.lower().replace("_", "-")


def provide_key(job: StageJob) -> None:
    """Set the variable that holds the key of a stage's teacher from the block of its name, where it is not set.

    Where there is no such block nothing is set: a server of one's own asks for no key.
    """
    teacher = all_values(job.spec.config, job.unkeyed).get("teacher", {})
    if teacher.get("kind") != "chat" or teacher.get("serve"):
        return
    variable = teacher["key_variable"]
    if read_secret(variable):
        return
    try:
        block = Secret.load(block_name(variable))
    except ValueError:  # how Prefect says that there is none
        return
    assert isinstance(block, Secret), "it is loaded where nothing is awaited"
    set_secret(variable, str(block.get()))
