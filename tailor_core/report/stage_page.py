"""What one stage made, in a page of Markdown: for the UI of whatever runs it, where a person looks first.

Figures come from the manifest, and from small files of the artifact (`FILES`); what is missing costs its part alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from tailor_core.artifacts.manifest import Manifest
from tailor_core.errors import ArtifactError
from tailor_core.records import Primitive
from tailor_core.report.diversity import describe_diversity
from tailor_core.report.funnel import describe_funnel
from tailor_core.report.markdown import code, facts, prose, table
from tailor_core.report.materials import Materials
from tailor_core.report.results import describe_split, read_results
from tailor_core.report.sentences import between, say_outcome
from tailor_core.report.text import count, duration, humanise, moment, percent, quantity, size

FILES: Mapping[str, tuple[str, ...]] = {
    "probe": ("summary.json",),
    "primitives": ("primitives.parquet",),
    "selection": ("metrics.json",),
    "warm_start": ("training_log.parquet",),
    "policy": ("training_log.parquet",),
    "evaluation": ("summary.json",),
}
"""The files of a product that its page is made from, besides the manifest."""

_ROWS = 20
_REASONS = 3


def describe_stage(
    manifest: Manifest, materials: Materials, why: str, links: Sequence[tuple[str, str]] = ()
) -> str:
    """The page of one stage.

    materials: the artifact, or the part of it that `FILES` names
    why:       Markdown on why it was made now, or that it was not
    links:     pairs of a name and Markdown
    """
    made_from = ", ".join(code(f"{name}@{ref['digest'][:12]}") for name, ref in manifest.inputs.items())
    seed = manifest.spec.get("seed")
    known = [
        ("rows", say_rows(manifest)),
        ("content", code(manifest.digest[:12])),
        ("size", size(manifest.size)),
        ("made from", made_from),
        ("seed", "" if seed is None else code(seed)),
        (
            "made",
            f"{prose(moment(manifest.created))}, in {duration(manifest.seconds)}, on {code(_host(manifest))}",
        ),
        *links,
    ]
    figures = _FIGURES.get(manifest.stage)
    parts = _as_far_as_there(figures(materials)) if figures else ()
    return "\n\n".join([why, *parts, facts(known)])


def say_why(reasons: Sequence[str]) -> str:
    """The first of the reasons why a stage was made, in Markdown."""
    more = len(reasons) - _REASONS
    told = [code(reason) for reason in reasons[:_REASONS]] + ([f"and {more} more"] if more > 0 else [])
    return f"**Made** in this run: {', '.join(told)}."


def say_rows(manifest: Manifest) -> str:
    """The rows of each table: `3,000 demonstrations`."""
    rows = manifest.summary.get("rows", {})
    return ", ".join(f"{count(number)} {prose(humanise(name))}" for name, number in rows.items())


def say_headline(materials: Materials) -> str:
    """The result of the evaluation in a few sentences; empty where it cannot be read."""
    try:
        return prose(" ".join(say_outcome(read_results(materials))))
    except ArtifactError:
        return ""


def _host(manifest: Manifest) -> str:
    return str(manifest.environment.get("host", "unknown"))


def _as_far_as_there(figures: Iterator[str]) -> Iterator[str]:
    """The parts of a page up to one that cannot be read, in whose place is why."""
    try:
        yield from figures
    except Exception as error:  # whatever form an artifact has, what is missing costs its part alone
        yield f"The rest cannot be shown: {code(error, 300)}"


def _titled(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with at most `_ROWS` rows, and how many more there are."""
    rows = list(rows)
    more = f"\n\n{count(len(rows) - _ROWS)} more" if len(rows) > _ROWS else ""
    return f"#### {title}\n\n{table(headings, rows[:_ROWS])}{more}"


def _metrics(materials: Materials, product: str) -> Mapping[str, Any]:
    metrics = materials.manifests[product].summary.get("metrics", {})
    assert isinstance(metrics, Mapping), "a stage's metrics are named"
    return metrics


def _problems(materials: Materials) -> Iterator[str]:
    splits = _metrics(materials, "problems")["problems"]
    levels = sorted({int(level) for counts in splits.values() for level in counts})
    yield _titled(
        "Problems by split and difficulty",
        ["split", *map(str, islice(levels, _ROWS)), "all"],
        (
            [
                code(split),
                *(count(counts.get(str(level), 0)) for level in islice(levels, _ROWS)),
                count(sum(counts.values())),
            ]
            for split, counts in splits.items()
        ),
    )


def _backbone(materials: Materials) -> Iterator[str]:
    yield f"{count(_metrics(materials, 'backbone')['parameters'])} parameters"


def _probe(materials: Materials) -> Iterator[str]:
    yield f"The base model answers {percent(_metrics(materials, 'probe')['pass_rate'])} rightly."
    summary = materials.document("probe", "summary.json")
    yield _titled(
        "By difficulty",
        ["difficulty", "right"],
        ([code(level), percent(share)] for level, share in summary["pass_rate_by_difficulty"].items()),
    )
    yield _counts("What is wrong with the others", "reason", summary["failures"])


def _primitives(materials: Materials) -> Iterator[str]:
    candidates = materials.records("primitives", "primitives", Primitive)
    accepted = [one for one in candidates if one.screening["verdict"] == "accepted"]
    rejected = [one for one in candidates if one.screening["verdict"] != "accepted"]
    yield from _funnel(materials, "primitives")
    forms: dict[str, Callable[[float], str]] = {
        "pass_rate": percent,
        "novelty": quantity,
        "mean_tokens": quantity,
    }
    of_a_pilot = ("learned", "together")
    forms |= {name: percent for name in of_a_pilot if any(name in one.screening for one in candidates)}
    headings = ["name", *map(humanise, forms)]
    yield _titled("Accepted", headings, (_screened(one, forms) for one in accepted))
    yield _titled(
        "Rejected",
        [*headings, "why"],
        ([*_screened(one, forms), code(one.screening.get("reason", ""))] for one in rejected),
    )


def _screened(one: Primitive, forms: Mapping[str, Callable[[float], str]]) -> list[str]:
    """The name of a candidate and the figures that it was judged by; one that failed early has not all."""
    figures = [(form, one.screening.get(name)) for name, form in forms.items()]
    return [code(one.name, 90), *("" if value is None else form(value) for form, value in figures)]


def _demonstrations(materials: Materials) -> Iterator[str]:
    metrics = _metrics(materials, "demonstrations")
    yield f"{quantity(metrics['mean_tokens'])} tokens each on average"
    yield _counts("By difficulty", "difficulty", metrics["by_difficulty"])
    yield _counts("By primitive", "primitive", metrics["by_primitive"])


def _verdicts(materials: Materials) -> Iterator[str]:
    yield from _funnel(materials, "verdicts")


def _selection(materials: Materials) -> Iterator[str]:
    yield from _funnel(materials, "selection")
    diversity = describe_diversity(materials)
    yield _titled(
        "Diversity",
        ["", *diversity.sets],
        ([prose(name), *values] for name, _, values in diversity.rows),
    )


def _sft_dataset(materials: Materials) -> Iterator[str]:
    yield from _funnel(materials, "sft_dataset")


def _training(product: str) -> Callable[[Materials], Iterator[str]]:
    def figures(materials: Materials) -> Iterator[str]:
        log = materials.table(product, "training_log")
        yield f"{count(log['step'][-1])} steps"
        shown = [name for name in _metrics(materials, product) if name in log.columns]
        yield _titled(
            "From the first step that was logged to the last",
            ["metric", "first", "last"],
            (
                [code(name), quantity(values[0]), quantity(values[-1])]
                for name in shown
                if len(values := log[name].drop_nulls())
            ),
        )

    return figures


def _evaluation(materials: Materials) -> Iterator[str]:
    results = read_results(materials)
    yield say_headline(materials)
    interval = f"{percent(results.confidence, 0)} interval"
    yield _titled(
        "Models on held-out problems",
        ["split", "model", "pass@1", interval, "sound", "right form", "tokens"],
        (
            [
                prose(describe_split(split)),
                prose(model.label),
                percent(group.accuracy.value),
                between(group.accuracy),
                percent(group.sound_rate.value),
                percent(group.format_rate.value),
                quantity(group.mean_tokens),
            ]
            for split in results.splits
            for model in results.models
            if (group := results.overall.get((model.name, split)))
        ),
    )


def _funnel(materials: Materials, product: str) -> Iterator[str]:
    """Rows in and kept, and why the others were dropped."""
    [step] = describe_funnel(materials, [product])
    yield f"{step.kept} of {step.entered} kept ({step.share_text}). {step.warning}".strip()
    if step.reasons:
        yield _titled(
            "Why rows were dropped", ["reason", "rows"], ([code(why), number] for why, number in step.reasons)
        )


def _counts(title: str, what: str, counts: Mapping[str, int]) -> str:
    return _titled(title, [what, "rows"], ([code(name), count(number)] for name, number in counts.items()))


_FIGURES: Mapping[str, Callable[[Materials], Iterator[str]]] = {
    "problems": _problems,
    "backbone": _backbone,
    "probe": _probe,
    "primitives": _primitives,
    "demonstrations": _demonstrations,
    "verdicts": _verdicts,
    "selection": _selection,
    "sft_dataset": _sft_dataset,
    "warm_start": _training("warm_start"),
    "policy": _training("policy"),
    "evaluation": _evaluation,
}
"""The parts of each product's page, in order; the report is a page itself."""
