"""Takes the pictures in the README, of the newest run of a recipe's deployment: Prefect's, MLflow's, the pages.

    pip install playwright pillow          # drives the Chromium of the machine; no browser is downloaded
    prefect deployment run tailor/kk-tiny --watch
    python infra/screenshots.py --report .tailor/reports/kk-tiny.html

It asks the servers over HTTP alone, so that it runs in any environment. A page counts as loaded when it shows the words
that are waited for; where it does not within two minutes, the script ends with what it waited for.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, TimeoutError, sync_playwright

HERE = Path(__file__).parent
WIDTH = 1280
COLOURS = 64
WAIT_MS = 120_000
SETTLE_MS = 8_000
"""For charts to be drawn and fonts to come, once the words are there."""
CHARTS = "^(reward|kl|entropy)$"
ASSISTANT = '[data-component-id="mlflow.assistant.chat_panel.close"]'
"""What closes the panel that MLflow opens over a third of its pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A picture: the page's address, words that it has once it is loaded, its height, and the charts to look for.

    The words are not of those charts: they go once the charts are found.
    """

    name: str
    url: str
    words: str
    height: int = 800
    charts: str = ""


def main() -> None:
    """Take all pictures."""
    options = read_options()
    shots = [*prefect_shots(options.prefect, options.recipe), *mlflow_shots(options.mlflow, options.recipe)]
    shots.append(Shot(name="report", url=options.report.resolve().as_uri(), words="pass@1", height=1000))
    if options.study:
        shots.append(
            Shot(name="study", url=options.study.resolve().as_uri(), words="Provenance", height=1560)
        )
    options.output.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        page = browser.new_page(color_scheme="light", device_scale_factor=1)
        page.set_default_timeout(WAIT_MS)
        for shot in shots:
            target = options.output / f"{shot.name}.png"
            target.write_bytes(smaller(take(page, shot)))
            print(f"{target}: {target.stat().st_size // 1000} kB")
        browser.close()


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--prefect", default="http://127.0.0.1:4200", help="address of the Prefect server")
    parser.add_argument("--mlflow", default="http://127.0.0.1:5000", help="address of the MLflow server")
    parser.add_argument("--recipe", default="kk-tiny", help="whose newest run is shown")
    parser.add_argument("--report", type=Path, required=True, help="the report of that run")
    parser.add_argument("--study", type=Path, help="the page of a study, where one has been run")
    parser.add_argument("--output", type=Path, default=HERE / "screenshots", help="where the pictures go")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    options = parser.parse_args()
    if options.chromium is None:
        parser.error("no Chromium found; install it (apt-get install chromium), or name it with --chromium")
    if not options.report.is_file():
        parser.error(f"--report {str(options.report)!r} is no file; run the recipe first")
    if options.study and not options.study.is_file():
        parser.error(f"--study {str(options.study)!r} is no file; run `tailor study` first")
    return options


def prefect_shots(server: str, recipe: str) -> Iterator[Shot]:
    """The run and its timeline, the pages of stages, what can be run, and where it runs."""
    wanted = {
        "deployments": {"name": {"any_": [recipe]}},
        "flows": {"name": {"any_": ["tailor"]}},
        "sort": "START_TIME_DESC",
        "limit": 1,
    }
    runs = ask(f"{server}/api/flow_runs/filter", wanted)
    if not runs:
        sys.exit(f"Prefect at {server} has no run of tailor/{recipe}; start it with prefect deployment run")
    run = runs[0]
    key = f"tailor-{recipe}"
    yield Shot(name="prefect-run", url=f"{server}/runs/flow-run/{run['id']}", words=run["name"], height=900)
    yield Shot(name="prefect-artifacts", url=f"{server}/artifacts", words=f"{key}-policy", height=900)
    for stage, words in (("evaluation", "pass@1"), ("primitives", "Accepted")):
        newest = {"artifacts": {"key": {"any_": [f"{key}-{stage}"]}}, "sort": "UPDATED_DESC", "limit": 1}
        for page in ask(f"{server}/api/artifacts/filter", newest):
            url = f"{server}/artifacts/artifact/{page['id']}"
            yield Shot(name=f"prefect-{stage}", url=url, words=words, height=830)
    yield Shot(name="prefect-deployments", url=f"{server}/deployments", words="kk-qwen2.5-1.5b", height=900)
    yield Shot(name="prefect-work-pools", url=f"{server}/work-pools", words="tailor-gpu", height=600)


def mlflow_shots(server: str, recipe: str) -> Iterator[Shot]:
    """The page of the newest run, and the curves of the newest policy."""
    api = f"{server}/api/2.0/mlflow"
    experiment = ask(f"{api}/experiments/get-by-name?experiment_name={recipe}")["experiment"]["experiment_id"]
    for name, wanted, tab, words, height, charts in (
        ("run", "tags.`tailor.environment` != ''", "", "held-out problems", 720, ""),
        ("policy", "tags.`tailor.stage` = 'policy'", "/model-metrics", "clip_ratio", 640, CHARTS),
    ):
        search = {"experiment_ids": [experiment], "filter": f"{wanted} and attributes.status = 'FINISHED'"}
        runs = ask(f"{api}/runs/search", {**search, "max_results": 1}).get("runs", [])
        if not runs:
            sys.exit(f"MLflow at {server} has no finished {name} of {recipe!r}; run it first")
        page = f"{server}/#/experiments/{experiment}/runs/{runs[0]['info']['run_id']}{tab}"
        yield Shot(name=f"mlflow-{name}", url=page, words=words, height=height, charts=charts)


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    """What a server answers, as JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)


def take(page: Page, shot: Shot) -> bytes:
    """The picture as PNG."""
    page.set_viewport_size({"width": WIDTH, "height": shot.height})
    page.goto(shot.url)
    try:
        page.get_by_text(shot.words).first.wait_for()
    except TimeoutError:
        sys.exit(f"{shot.url} does not show {shot.words!r} after {WAIT_MS // 1000} s")
    page.wait_for_timeout(SETTLE_MS)
    if shot.charts:
        page.get_by_placeholder("Search metric charts").fill(shot.charts)
        page.get_by_text(shot.words).first.wait_for(state="hidden")
        page.wait_for_timeout(SETTLE_MS)
    if (assistant := page.locator(ASSISTANT)).count():
        assistant.first.click()
        page.wait_for_timeout(SETTLE_MS)
    return page.screenshot()


def smaller(png: bytes) -> bytes:
    """The picture in few colours, which pages of this kind hardly show."""
    packed = BytesIO()
    image = Image.open(BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(packed, "PNG", optimize=True)
    return packed.getvalue()


if __name__ == "__main__":
    main()
