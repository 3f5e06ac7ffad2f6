"""How estimates, intervals and p-values read in tables and sentences."""

from __future__ import annotations

from tailor_core.report.study.tables import Cell, nothing
from tailor_core.report.text import percent
from tailor_core.study.figures import Estimate


def interval_text(low: float, high: float) -> str:
    """Limits of a share: `56.1 to 64.0`."""
    return f"{100 * low:.1f} to {100 * high:.1f}"


def spread_text(estimate: Estimate) -> str:
    """A mean share and its standard deviation over seeds: `61.2% ± 2.1`."""
    spread = "" if estimate.std is None else f" ± {100 * estimate.std:.1f}"
    return f"{percent(estimate.mean)}{spread}"


def share_cell(estimate: Estimate | None, href: str) -> Cell:
    """A share with its spread over seeds and its interval."""
    if estimate is None:
        return nothing()
    low, high = estimate.interval.low, estimate.interval.high
    more = {"std": estimate.std, "low": low, "high": high, "seeds": len(estimate.seeds)}
    return Cell(spread_text(estimate), interval_text(low, high), estimate.mean, more, href)


def points_cell(estimate: Estimate | None, href: str) -> Cell:
    """A difference of shares in percentage points, with its interval."""
    if estimate is None:
        return nothing()
    low, high = estimate.interval.low, estimate.interval.high
    spread = "" if estimate.std is None else f" ± {100 * estimate.std:.1f}"
    more = {"std": estimate.std, "low": low, "high": high, "seeds": len(estimate.seeds)}
    return Cell(
        f"{100 * estimate.mean:+.1f}{spread}",
        f"{100 * low:+.1f} to {100 * high:+.1f}",
        estimate.mean,
        more,
        href,
    )


def problems_cell(problems: int, clusters: int) -> Cell:
    """What a figure rests on: problems, and of how many skeletons these are, where some are solved alike."""
    note = f"of {clusters:,} skeletons" if clusters < problems else ""
    return Cell(f"{problems:,}", note, problems, {"clusters": clusters})


def short_p(value: float) -> str:
    """`0.012`, or `< 0.001`."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def signed_interval(low: float, high: float) -> str:
    """Limits of a difference of shares, in points: `-1.2 to +8.0`."""
    return f"{100 * low:+.1f} to {100 * high:+.1f}"


def dz_text(value: float | None) -> str:
    """An effect size with its sign."""
    return "–" if value is None else f"{value:+.2f}"
