"""The example of CONTRIBUTING, "A family of your own", as a reader would make it: file, package, recipe, commands."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

CONTRIBUTING = Path(__file__).parent.parent / "CONTRIBUTING.md"
SECTION = CONTRIBUTING.read_text().partition("\n## A family of your own\n")[2]


def blocks(language: str) -> list[str]:
    """The code blocks of a language in the section, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """What the section says to type."""
    return [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]


def install(folder: Path) -> Path:
    """Make the section's package an installed distribution in `folder`; the path of its one file."""
    package, _ = map(tomllib.loads, blocks("toml"))
    project = package["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = project["entry-points"].items()
    (info / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
            for group, points in groups
        )
    )
    module = folder / "gcd_family.py"
    module.write_text("\n".join(blocks("python")))
    return module


def recipe() -> str:
    """The section's `gcd.toml`."""
    return blocks("toml")[1]
