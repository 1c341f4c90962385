"""Two models on the same briefs: what each comes to, and how sure their difference is.

Briefs differ far more than models do, so a brief is drawn with both of its values at once (the
paired bootstrap; Efron & Tibshirani 1993). Percentiles of few briefs lie too near to each other,
and are taken further out (Hesterberg 2015, arXiv:1411.5279). What the intervals cover is which
briefs were asked and how their replies were drawn; that training itself was drawn only once they
can't know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal, TypeAlias

from longwrite.bench.table import SEED
from longwrite.types import Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

DRAWS = 10_000
_CHUNK = 2_000_000
"""Values drawn at a time."""
_LEAST = 1e-9
"""Room above the first model's value, or that value itself, under which nothing is divided."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval; none for one or two briefs, or where a draw has no value."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Paired:
    """Two models on the briefs that both have a value for.

    Attributes:
        before: Of the first model.
        after: Of the second.
        difference: After minus before.
        gain: (after - before) / (best - before), the share of what was lacking that is won; None
            without a best value, or where nothing was lacking.
        ratio: After / before, for what has no best value; None where that is 0.
    """

    before: Estimate
    after: Estimate
    difference: Estimate
    gain: Estimate | None = None
    ratio: Estimate | None = None


def compare_pairs(
    before: Sequence[float],
    after: Sequence[float],
    *,
    best: float | None = None,
    statistic: Literal["mean", "median"] = "mean",
) -> Paired:
    """Compare two models on n briefs by the percentile bootstrap over the briefs.

    The draws are seeded, so the same values always have the same intervals.

    Args:
        before: A value of each brief by the first model.
        after: Likewise by the second, in the same order.
        best: The best value that there is, 1 or 0 as a rule.
        statistic: What stands for all briefs.

    Raises:
        ValueError: There is no brief, or the two differ in number.
    """
    import numpy as np

    if not before or len(before) != len(after):
        raise ValueError(f"{len(before)} and {len(after)} values can't be compared")
    one, other = np.asarray(before, np.float64), np.asarray(after, np.float64)
    middle: Callable[..., Floats] = np.median if statistic == "median" else np.mean
    count = len(one)
    rng = np.random.default_rng(SEED)
    step = max(1, _CHUNK // count)
    drawn: list[tuple[Floats, Floats]] = []
    for done in range(0, DRAWS, step):
        picks = rng.integers(0, count, (min(step, DRAWS - done), count))
        drawn.append((middle(one[picks], axis=1), middle(other[picks], axis=1)))
    left, right = (np.concatenate(side) for side in zip(*drawn, strict=True))
    a, b = float(middle(one)), float(middle(other))
    tail = find_tail(count)
    return Paired(
        _estimate(a, left, tail),
        _estimate(b, right, tail),
        _estimate(b - a, right - left, tail),
        None if best is None else _divide(b - a, best - a, right - left, best - left, tail),
        None if best is not None else _divide(b, a, right, left, tail),
    )


def tell_paired(paired: Paired) -> dict[str, Json]:
    """Return a comparison as JSON; None where there is no such figure."""
    names = ("before", "after", "difference", "gain", "ratio")
    found: dict[str, Estimate | None] = {name: getattr(paired, name) for name in names}
    return {name: None if one is None else asdict(one) for name, one in found.items()}


def find_tail(count: int) -> float:
    """Return the share of draws on each side of the expanded percentile interval of 95 %.

    It is Phi(-sqrt(n / (n - 1)) t), with t the 0.975 quantile of Student's distribution with n - 1
    degrees of freedom, by its expansion in z (Abramowitz & Stegun 26.7.5). For one or two briefs
    it is 0: they have no interval.

    >>> round(find_tail(6), 4), round(find_tail(20), 4), round(find_tail(10_000), 4)
    (0.0025, 0.0159, 0.025)
    """
    if count < 3:
        return 0.0
    z, free = NormalDist().inv_cdf(0.975), count - 1
    student = (
        z
        + (z**3 + z) / (4 * free)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * free**3)
    )
    return NormalDist().cdf(-((count / free) ** 0.5) * student)


def _estimate(value: float, draws: Floats, tail: float) -> Estimate:
    import numpy as np

    if not tail:
        return Estimate(value, None, None)
    low, high = np.quantile(draws, (tail, 1 - tail))
    return Estimate(value, float(low), float(high))


def _divide(
    top: float, bottom: float, tops: Floats, bottoms: Floats, tail: float
) -> Estimate | None:
    """Return a quotient; its interval only where every draw has one."""
    import numpy as np

    if abs(bottom) < _LEAST:
        return None
    if np.abs(bottoms).min() < _LEAST:
        return Estimate(top / bottom, None, None)
    return _estimate(top / bottom, tops / bottoms, tail)
