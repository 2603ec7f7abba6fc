"""What a study found: every index in every scenario, by TG-43 and by Monte Carlo, noise and spread apart."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from validation.evaluate.half_samples import type_a
from validation.studies.study_allocation import Allocation, allocate, reduction
from validation.studies.study_control import (
    FEWEST_PAIRS,
    Controlled,
    controlled_distribution,
    controlled_mean,
    controlled_variance,
)
from validation.studies.study_file import Study
from validation.studies.study_probability import Probability, probabilities

FloatArray = NDArray[np.float64]
NAN = float("nan")

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Indices whose distribution is asked for; the others have mean and spread.
OF_TARGET, OF_ORGAN = ("D90", "D100", "V100", "V150", "DHI"), ("D2cc", "D0.1cc")


@dataclass(frozen=True)
class IndexSummary:
    """One index of one structure in one scenario; in the unit of the index.

    Attributes
    ----------
    scenario, structure, index, unit : str
    tg43_members, monte_carlo_members : int
        Members with a value.
    tg43_mean, tg43_mean_std_dev, tg43_spread : float
        Mean over members, its standard uncertainty, standard deviation over members.
    tg43_quantiles, monte_carlo_quantiles, monte_carlo_quantile_std_devs : tuple of float
        At `QUANTILES`; of Monte Carlo with TG-43 as control, noise taken off.
    plain_mean, plain_mean_std_dev, plain_spread : float
        By Monte Carlo alone.
    monte_carlo_mean, monte_carlo_mean_std_dev, lower, upper : float
        With TG-43 as control, and its 95 % interval.
    monte_carlo_spread, monte_carlo_spread_std_dev : float
        Standard deviation over members with TG-43 as control, noise taken off.
    noise : float
        Standard deviation that the histories give one member.
    noise_of_mean : float
        And the mean of the members.
    noise_bias : float
        By which noise shifts the index on average; it is not taken off.
    change, change_std_dev : float
        Mean by Monte Carlo minus that of the plan with the same random numbers.
    tg43_change : float
        The same by TG-43.
    correlation : float
        Of TG-43 with Monte Carlo over the members, cross-validated.
    variance_reduction : float
        Of the mean against plain Monte Carlo of the same cost.
    spread_reduction, median_reduction : float
        Of the standard deviation over the members, and of their median, likewise.
    time_error : float
        Mean change of TG-43 between the rule in time and a coarser one: an upper estimate of its error.
    """

    scenario: str
    structure: str
    index: str
    unit: str
    tg43_members: int = 0
    monte_carlo_members: int = 0
    tg43_mean: float = NAN
    tg43_mean_std_dev: float = NAN
    tg43_spread: float = NAN
    tg43_quantiles: tuple[float, ...] = ()
    plain_mean: float = NAN
    plain_mean_std_dev: float = NAN
    plain_spread: float = NAN
    monte_carlo_mean: float = NAN
    monte_carlo_mean_std_dev: float = NAN
    lower: float = NAN
    upper: float = NAN
    monte_carlo_spread: float = NAN
    monte_carlo_spread_std_dev: float = NAN
    monte_carlo_quantiles: tuple[float, ...] = ()
    monte_carlo_quantile_std_devs: tuple[float, ...] = ()
    noise: float = NAN
    noise_of_mean: float = NAN
    noise_bias: float = NAN
    change: float = NAN
    change_std_dev: float = NAN
    tg43_change: float = NAN
    correlation: float = NAN
    variance_reduction: float = NAN
    spread_reduction: float = NAN
    median_reduction: float = NAN
    time_error: float = NAN


@dataclass(frozen=True)
class Summary:
    """Everything a report says.

    Attributes
    ----------
    rows : tuple of IndexSummary
    probabilities : tuple of Probability
    costs : dict of str to float
        CPU seconds of a member, all scenarios, by engine.
    allocation : Allocation or None
        Best numbers of members for the cost of this study, for the mean D90 of the target.
    """

    rows: tuple[IndexSummary, ...]
    probabilities: tuple[Probability, ...]
    costs: dict[str, float]
    allocation: Allocation | None

    def row(self, scenario: str, structure: str, index: str) -> IndexSummary:
        """One of them."""
        return next(
            r for r in self.rows if (r.scenario, r.structure, r.index) == (scenario, structure, index)
        )


def summarised(study: Study, prescription: float) -> Summary:
    """Estimate everything from the members of a study.

    Parameters
    ----------
    study : Study
        Its TG-43 members, its Monte Carlo members, or both (then the latter are among the former).
    prescription : float
        Gy.

    Returns
    -------
    Summary
    """
    data = study.data
    has_tg43, has_mc = bool(study.members("tg43")), bool(study.members("monte_carlo"))
    costs = {
        engine: float(data[f"{engine}_cost"].mean())
        for engine, there in (("tg43", has_tg43), ("monte_carlo", has_mc))
        if there
    }
    rows: list[IndexSummary] = []
    found: list[Probability] = []
    target = str(data.structure.values[0])
    for k, scenario in enumerate(data.scenario.values.tolist()):
        for s, structure in enumerate(data.structure.values.tolist()):
            for j, index in enumerate(data["index"].values.tolist()):
                members = _Members.of(study, k, s, j)
                unit = str(data.index_unit.values[j])
                wanted = index in (OF_TARGET if structure == target else OF_ORGAN)
                row = _row(members, (scenario, structure, index, unit), costs, wanted)
                if row is not None:
                    rows.append(row)
                if structure == target and index == "D90":
                    found += probabilities(scenario, prescription, members.plain, members.controls, members.y)
    allocation = None
    if has_tg43 and has_mc:
        correlations = [r.correlation for r in rows if (r.structure, r.index) == (target, "D90")][1:]
        if correlations and np.isfinite(correlations).all():
            spent = sum(costs[e] * len(study.members(e)) for e in costs)
            allocation = allocate(float(np.median(correlations)), costs["monte_carlo"], costs["tg43"], spent)
    return Summary(tuple(rows), tuple(found), costs, allocation)


@dataclass(frozen=True, eq=False)
class _Members:
    """Values of one index in one scenario."""

    plain: FloatArray
    scaled: FloatArray
    coarse: FloatArray
    y: FloatArray
    halves: FloatArray
    planned: FloatArray
    planned_halves: FloatArray
    tg43_planned: float

    @staticmethod
    def of(study: Study, scenario: int, structure: int, index: int) -> _Members:
        data, none = study.data, np.zeros(0)

        def of(name: str, at: int = scenario) -> FloatArray:
            return np.asarray(data[name].values[..., at, structure, index]) if name in data else none

        halves, planned = of("monte_carlo_half_value"), of("tg43_value", 0)
        return _Members(
            of("tg43_value"), of("tg43_scaled_value"), of("tg43_coarse_value"), of("monte_carlo_value"),
            halves if halves.size else np.zeros((2, 3, 0)), of("monte_carlo_value", 0),
            of("monte_carlo_half_value", 0), float(planned[0]) if planned.size else NAN,
        )  # fmt: skip

    @property
    def alike(self) -> bool:
        """No member differs from another but in its histories."""
        return bool(self.plain.size) and float(np.ptp(self.plain)) <= 1e-12 * abs(float(self.plain[0]))

    @property
    def controls(self) -> FloatArray:
        return np.stack([self.scaled, self.plain], axis=1)


def _row(
    m: _Members, place: tuple[str, str, str, str], costs: dict[str, float], distribution: bool
) -> IndexSummary | None:
    # An index that a structure is too small for is defined for no member.
    if np.isnan(m.plain).any() or np.isnan(m.y).any():
        return None
    found: dict[str, object] = {}
    if m.plain.size:
        found |= _tg43(m)
    if m.y.size:
        found |= _monte_carlo(m)
    n, both = len(m.y), len(m.plain) >= len(m.y) >= FEWEST_PAIRS
    if m.alike and n:
        # Members that differ in their histories alone have no spread but noise, and nothing to be controlled by.
        found |= {
            "monte_carlo_mean": found["plain_mean"], "monte_carlo_mean_std_dev": found["plain_mean_std_dev"],
            "monte_carlo_spread": 0.0, "plain_spread": 0.0, "tg43_spread": 0.0,
        }  # fmt: skip
    elif both and np.ptp(m.y) > 0.0:
        found |= _controlled(m, costs)
        if distribution:
            found |= _quantiles(m, costs)
    elif n:
        found |= {
            "monte_carlo_mean": found["plain_mean"], "monte_carlo_mean_std_dev": found["plain_mean_std_dev"],
            "monte_carlo_spread": found["plain_spread"],
        }  # fmt: skip
    names = {f.name for f in fields(IndexSummary)}
    return IndexSummary(*place, **{k: v for k, v in found.items() if k in names})  # type: ignore[arg-type]


def _tg43(m: _Members) -> dict[str, object]:
    n = len(m.plain)
    spread = float(m.plain.std(ddof=1)) if n > 1 else NAN
    mean = float(m.plain.mean())
    return {
        "tg43_members": n, "tg43_mean": mean, "tg43_spread": spread, "tg43_mean_std_dev": spread / np.sqrt(n),
        "tg43_quantiles": tuple(np.quantile(m.plain, QUANTILES).tolist()),
        "tg43_change": mean - m.tg43_planned, "time_error": float((m.plain - m.coarse).mean()),
    }  # fmt: skip


def _noise(m: _Members) -> tuple[float, float]:
    """Variance that noise gives one member, and the mean of all of them."""
    of_one = float((type_a(m.y, m.halves).std_dev ** 2).mean())
    of_mean = float(type_a(m.y.mean(), m.halves.mean(axis=-1)).std_dev ** 2)
    return of_one, of_mean


def _shared_noise(m: _Members) -> float:
    """Variance of the mean that common histories add to what independent ones would give."""
    of_one, of_mean = _noise(m)
    # Three pairs of halves: an excess within their own scatter, 95 % of which lies below, is none.
    independent = of_one / len(m.y)
    return of_mean - independent if of_mean > 2.6 * independent else 0.0


def _monte_carlo(m: _Members) -> dict[str, object]:
    n = len(m.y)
    of_one, of_mean = _noise(m)
    total = float(m.y.var(ddof=1)) if n > 1 else NAN
    change = m.y - m.planned
    if n > 1:
        u = float(np.sqrt(change.var(ddof=1) / n + _shared_noise(m)))
    else:
        u = float(type_a(change[0], m.halves[..., 0] - m.planned_halves[..., 0]).std_dev)
    return {
        "monte_carlo_members": n, "plain_mean": float(m.y.mean()),
        "plain_mean_std_dev": float(np.sqrt(total / n + _shared_noise(m))) if n > 1 else float(np.sqrt(of_one)),
        "plain_spread": float(np.sqrt(max(0.0, total - of_one))),
        "noise": float(np.sqrt(of_one)), "noise_of_mean": float(np.sqrt(of_mean)),
        "noise_bias": float(type_a(m.y, m.halves).bias.mean()),
        "change": float(change.mean()), "change_std_dev": u,
    }  # fmt: skip


def _controlled(m: _Members, costs: dict[str, float]) -> dict[str, object]:
    n, all_members = len(m.y), len(m.plain)
    x, further = m.controls[:n], m.controls[n:]
    mean = controlled_mean(m.y, x, further, _shared_noise(m))
    variance = controlled_variance(m.y, x, further)
    spread, u = _without_noise(variance, _noise(m)[0])
    planned = float(m.planned.mean())
    return {
        "monte_carlo_mean": mean.value, "monte_carlo_mean_std_dev": mean.std_dev, "lower": mean.lower,
        "upper": mean.upper, "monte_carlo_spread": spread, "monte_carlo_spread_std_dev": u,
        "correlation": mean.correlation,
        "change": mean.value - planned,
        "change_std_dev": float(np.hypot(mean.std_dev, m.planned.std(ddof=1) / np.sqrt(n))),
        "variance_reduction": reduction(
            mean.correlation, n, all_members, costs["monte_carlo"], costs["tg43"]
        ),
        "spread_reduction": _gain(variance.plain_std_dev, variance.std_dev, m, costs),
    }  # fmt: skip


def _without_noise(variance: Controlled, noise: float) -> tuple[float, float]:
    spread = float(np.sqrt(max(0.0, variance.value - noise)))
    return spread, variance.std_dev / (2.0 * spread) if spread > 0.0 else NAN


def _gain(plain: float, controlled: float, m: _Members, costs: dict[str, float]) -> float:
    """Variance of Monte Carlo alone of the same cost over that with the control."""
    alike = len(m.y) + len(m.plain) * costs["tg43"] / costs["monte_carlo"]
    return (plain / controlled) ** 2 * len(m.y) / alike if controlled > 0.0 else NAN


def _quantiles(m: _Members, costs: dict[str, float]) -> dict[str, object]:
    n = len(m.y)
    found = controlled_distribution(m.y, m.controls[:n], m.controls[n:])
    pairs = [found.quantile(p) for p in QUANTILES]
    # Noise widens the distribution; to first order every quantile comes closer to the mean by the same share.
    total = float(m.y.var(ddof=1))
    narrower = np.sqrt(max(0.0, 1.0 - _noise(m)[0] / total)) if total > 0.0 else 1.0
    middle, u = pairs[QUANTILES.index(0.5)]
    plain = found.half_width(0.5, 0.5 / np.sqrt(n))
    return {
        "monte_carlo_quantiles": tuple(float(middle + narrower * (q - middle)) for q, _ in pairs),
        "monte_carlo_quantile_std_devs": tuple(float(each) for _, each in pairs),
        "median_reduction": _gain(plain, u, m, costs),
    }
