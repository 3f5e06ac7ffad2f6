"""Training curves of the warm start and the policy, from their `training_log.parquet`.

The log has a column `step` and a column for each metric, null where a step did not log it. Names differ
between trainers and versions, so each curve knows a list of columns and takes the first that has numbers:

    SFT   loss            loss, train_loss
          token accuracy  mean_token_accuracy
    GRPO  reward          reward, rewards/mean
          KL              kl, objective/kl
          entropy         entropy, objective/entropy
          length          completions/mean_length, completion_length
          clip fraction   clip_ratio/region_mean, clip_ratio, clip_ratio/low_mean
          zero variance   frac_reward_zero_std, frac_zero_std

Columns that no curve takes are listed below the curves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import polars
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tailor_core.errors import ArtifactError
from tailor_core.report.charts import WIDTH
from tailor_core.report.materials import Materials
from tailor_core.report.svg import PALETTE, Chart, canvas, finish
from tailor_core.report.text import count, label, quantity

Floats = NDArray[numpy.float64]

_WINDOW_SHARE = 12
"""The mean that smooths a curve runs over one twelfth of its steps."""

_NOT_DRAWN = ("step", "epoch", "num_tokens", "learning_rate", "step_time", "grad_norm")


@dataclass(frozen=True, slots=True)
class Metric:
    """One curve: name of its file, title, what it means, the columns it may come from, limits of its axis."""

    name: str
    title: str
    meaning: str
    columns: tuple[str, ...]
    limits: tuple[float, float] | None = None


WARM_START = (
    Metric("loss", "Loss", "nats a completion token", ("loss", "train_loss")),
    Metric(
        "token-accuracy",
        "Token accuracy",
        "share of completion tokens that the model ranks first",
        ("mean_token_accuracy",),
    ),
)
POLICY = (
    Metric("reward", "Reward", "mean over the step's completions", ("reward", "rewards/mean")),
    Metric("kl", "KL to the warm start", "nats a token", ("kl", "objective/kl")),
    Metric("entropy", "Entropy", "nats a token", ("entropy", "objective/entropy")),
    Metric(
        "length", "Completion length", "mean, in tokens", ("completions/mean_length", "completion_length")
    ),
    Metric(
        "clip-fraction",
        "Clip fraction",
        "share of tokens whose ratio is clipped",
        ("clip_ratio/region_mean", "clip_ratio", "clip_ratio/low_mean"),
    ),
    Metric(
        "zero-variance",
        "Zero-variance groups",
        "share of prompts whose completions all earn the same, and so teach nothing",
        ("frac_reward_zero_std", "frac_zero_std"),
        (0.0, 1.0),
    ),
)


@dataclass(frozen=True, slots=True)
class Curve:
    """One drawn curve, and in words where it starts and ends."""

    chart: Chart
    title: str
    meaning: str
    course: str


@dataclass(frozen=True, slots=True)
class Training:
    """The curves of one training stage; `gaps` says what is missing, `others` which columns are not drawn."""

    title: str
    curves: tuple[Curve, ...]
    gaps: tuple[str, ...]
    others: tuple[str, ...]


def describe_training(materials: Materials) -> tuple[Training, ...]:
    """The warm start's and the policy's curves; a log that is missing becomes a gap."""
    return (
        _training(materials, "warm_start", "Warm start: supervised fine-tuning", WARM_START, "warm"),
        _training(materials, "policy", "Policy: reinforcement learning", POLICY, "policy"),
    )


def _training(
    materials: Materials, product: str, title: str, metrics: tuple[Metric, ...], colour: str
) -> Training:
    try:
        log = materials.table(product, "training_log")
    except ArtifactError as error:
        return Training(title, (), (str(error),), ())
    if "step" not in log.columns or not log.height:
        return Training(title, (), (f"The training log of the stage {product} holds no steps.",), ())
    curves, gaps, used = [], [], set(_NOT_DRAWN)
    for metric in metrics:
        used.update(metric.columns)
        column = next((c for c in metric.columns if _numbers(log, c)[1].size), None)
        if column is None:
            gaps.append(f"The log has no numbers for {metric.title} (column {metric.columns[0]}).")
        else:
            curves.append(_curve(product, metric, *_numbers(log, column), colour))
    others = tuple(label(column) for column in log.columns if column not in used)
    return Training(title, tuple(curves), tuple(gaps), others)


def _numbers(log: polars.DataFrame, column: str) -> tuple[Floats, Floats]:
    """Steps and finite values of a column, ascending by step; empty where it is not there or not numeric."""
    empty = numpy.empty(0)
    if column not in log.columns or not log[column].dtype.is_numeric() or not log["step"].dtype.is_numeric():
        return empty, empty
    both = log.select(polars.col("step", column).cast(polars.Float64))
    pair = both.drop_nulls().sort("step", maintain_order=True)
    steps, values = pair["step"].to_numpy(), pair[column].to_numpy()
    finite = numpy.isfinite(values)
    return steps[finite], values[finite]


def smooth(values: Floats, window: int) -> Floats:
    """The mean over a window that is symmetric everywhere, so narrow at both ends; shape [n] to [n]."""
    total = numpy.concatenate(([0.0], numpy.cumsum(values)))
    index = numpy.arange(len(values))
    half = numpy.minimum(window // 2, numpy.minimum(index, len(values) - 1 - index))
    return numpy.asarray((total[index + half + 1] - total[index - half]) / (2 * half + 1))


def _curve(product: str, metric: Metric, steps: Floats, values: Floats, colour: str) -> Curve:
    window = max(1, len(values) // _WINDOW_SHARE)
    smoothed = smooth(values, window)
    with canvas(WIDTH, 2.3) as (figure, axes):
        if window > 1:
            axes.plot(steps, values, color=PALETTE["faint"], linewidth=0.9)
        marker = "o" if len(values) == 1 else ""
        axes.plot(steps, smoothed, color=PALETTE[colour], linewidth=2.0, marker=marker)
        axes.set_xlabel("step")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axes.tick_params(length=0)
        axes.grid(visible=False, axis="x")
        axes.spines["left"].set_visible(False)
        if metric.limits:
            axes.set_ylim(*metric.limits)
        else:
            _leave_room(axes, values)
        course = _course(steps, values)
        title = f"{metric.title} over {count(len(values))} logged steps"
        chart = finish(figure, f"{product.replace('_', '-')}-{metric.name}", title, course)
    return Curve(chart, metric.title, metric.meaning, course)


def _leave_room(axes: Axes, values: Floats) -> None:
    """Keep a constant curve from filling its axis with noise."""
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9:
        axes.set_ylim(low - 0.5 * max(abs(low), 0.1), high + 0.5 * max(abs(high), 0.1))


def _course(steps: Floats, values: Floats) -> str:
    """Where a curve starts and ends, and between which values it runs."""
    first = f"{quantity(float(values[0]))} at step {count(float(steps[0]))}"
    if len(values) == 1:
        return first
    last = f"{quantity(float(values[-1]))} at step {count(float(steps[-1]))}"
    lowest, highest = quantity(float(values.min())), quantity(float(values.max()))
    return f"{first} to {last}; lowest {lowest}, highest {highest}"
