r"""How many members to compute by TG-43 and how many by Monte Carlo.

A mean from n Monte Carlo and N TG-43 members in all has the variance

.. math:: \frac{\sigma^2}{n}\left[1 - \left(1 - \frac{n}{N}\right)\rho^2\right],

smallest for a given cost n w + N v at

.. math:: \frac{N}{n} = \sqrt{\frac{w}{v} \frac{\rho^2}{1 - \rho^2}}.

Peherstorfer, Willcox and Gunzburger, SIAM J. Sci. Comput. 38 (2016) A3163-A3194, doi:10.1137/15M1046472.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcsim.invalid_input import InvalidInput

HIGHEST_CORRELATION = 0.9999  # a pilot cannot tell it from 1


@dataclass(frozen=True)
class Allocation:
    """Members for a cost.

    Attributes
    ----------
    monte_carlo, tg43 : int
        Members by Monte Carlo, and by TG-43 in all (those of Monte Carlo among them).
    cost_s : float
        Of all of them, CPU seconds.
    variance_reduction : float
        Variance of plain Monte Carlo of the same cost over that of the estimate.
    """

    monte_carlo: int
    tg43: int
    cost_s: float
    variance_reduction: float


def best_ratio(correlation: float, monte_carlo_cost: float, tg43_cost: float) -> float:
    """TG-43 members for each Monte Carlo member; 1 where the control gains nothing.

    Parameters
    ----------
    correlation : float
        Of TG-43 with Monte Carlo, noise included.
    monte_carlo_cost, tg43_cost : float
        CPU seconds of a member.

    Examples
    --------
    >>> round(best_ratio(0.9, 100.0, 1.0), 2)
    20.65
    """
    rho2 = min(abs(correlation), HIGHEST_CORRELATION) ** 2
    return max(1.0, float(np.sqrt(monte_carlo_cost / tg43_cost * rho2 / (1.0 - rho2))))


def variance_factor(correlation: float, monte_carlo: int, tg43: int) -> float:
    """Variance of the mean in units of that of a single Monte Carlo member.

    Examples
    --------
    >>> variance_factor(0.0, 10, 1000)
    0.1
    """
    return (1.0 - (1.0 - monte_carlo / tg43) * correlation**2) / monte_carlo


def allocate(
    correlation: float, monte_carlo_cost: float, tg43_cost: float, budget_s: float, fewest: int = 6
) -> Allocation:
    """Best numbers of members for a cost.

    Parameters
    ----------
    correlation : float
        Of TG-43 with Monte Carlo, noise included.
    monte_carlo_cost, tg43_cost : float
        CPU seconds of a member.
    budget_s : float
        CPU seconds in all.
    fewest : int
        Monte Carlo members at least.

    Returns
    -------
    Allocation

    Raises
    ------
    InvalidInput
        A cost is not positive, or the budget is below that of the fewest members.

    Examples
    --------
    >>> found = allocate(0.99, 1.0, 0.002, 60.0)
    >>> found.monte_carlo, found.tg43, round(found.variance_reduction)
    (45, 7061, 29)
    """
    for name, value in (("Monte Carlo", monte_carlo_cost), ("TG-43", tg43_cost)):
        if not value > 0.0:
            raise InvalidInput(f"cost of a {name} member is {value} s, expected > 0 s. Measure it again.")
    ratio = best_ratio(correlation, monte_carlo_cost, tg43_cost)
    least = fewest * (monte_carlo_cost + tg43_cost)
    if budget_s < least:
        raise InvalidInput(
            f"CPU budget is {budget_s:g} s, expected at least {least:.3g} s ({fewest} Monte Carlo members of "
            f"{monte_carlo_cost:.3g} s). Raise it or use fewer histories."
        )
    monte_carlo = max(fewest, int(budget_s / (monte_carlo_cost + ratio * tg43_cost)))
    left = max(0.0, budget_s - monte_carlo * monte_carlo_cost)
    tg43 = max(monte_carlo, int(min(ratio * monte_carlo, left / tg43_cost)))
    cost = monte_carlo * monte_carlo_cost + tg43 * tg43_cost
    return Allocation(
        monte_carlo,
        tg43,
        round(cost, 6),
        reduction(correlation, monte_carlo, tg43, monte_carlo_cost, tg43_cost),
    )


def reduction(
    correlation: float, monte_carlo: int, tg43: int, monte_carlo_cost: float, tg43_cost: float
) -> float:
    """Variance of plain Monte Carlo of the same cost over that with the control."""
    plain = (monte_carlo * monte_carlo_cost + tg43 * tg43_cost) / monte_carlo_cost
    return float(1.0 / plain / variance_factor(correlation, monte_carlo, tg43))
