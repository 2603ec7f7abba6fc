"""Points in time and weights for the dose to a day: few, as the tissue's state and not time is what dose varies with.

Gauss's rule for the measure of ln V over the decay (`DecayMeasure`): with 3 points the time integral of an edema is
exact to some 1e-6, with 2 to 1e-4, whatever its half-life.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.change.decay_measure import decay_measure, decayed_share
from validation.change.volume_course import VolumeCourse

FloatArray = NDArray[np.float64]


class DecayNodes(NamedTuple):
    """A fixed rule for the dose to a day, D = Σ weights · F(t).

    F(t) is the dose to full decay if the geometry stayed as at t.

    Attributes
    ----------
    times_d : ndarray, shape (k,)
        Days after implantation, ascending.
    weights : ndarray, shape (k,)
        Their sum is the share decayed by the last day: 1 for full decay. 0 at points of the other rule.
    coarse_weights : ndarray, shape (k,)
        A rule with one point less; how far its dose is off estimates the error, far on the safe side.
    """

    times_d: FloatArray
    weights: FloatArray
    coarse_weights: FloatArray

    @property
    def counted(self) -> tuple[tuple[float, float], ...]:
        """Day and weight of the points that the rule itself needs."""
        return tuple((float(t), float(w)) for t, w in zip(self.times_d, self.weights, strict=True) if w)


def decay_nodes(
    half_life_d: float,
    course: VolumeCourse | None = None,
    *,
    level: int = 2,
    start_d: float = 0.0,
    until_d: float = np.inf,
) -> DecayNodes:
    """Make a fixed rule, the same for every member of an ensemble.

    Parameters
    ----------
    half_life_d : float
        Of the radionuclide, days.
    course : VolumeCourse, optional
        Volume against time; None for no change.
    level : int
        2^(level − 1) + 1 points, and one less in the rule that tells the error; at least 1.
    start_d, until_d : float
        Dose is wanted from and to these days; infinity for full decay.

    Returns
    -------
    DecayNodes
        One point where nothing changes.

    Raises
    ------
    InvalidInput
        A level below 1, a half-life that is not positive, or a last day that is not later than the first.

    Examples
    --------
    >>> from validation.change import ExponentialEdema
    >>> rule = decay_nodes(59.4, ExponentialEdema(0.5, 10.0))
    >>> [(round(t, 2), round(w, 3)) for t, w in rule.counted]
    [(2.64, 0.078), (15.28, 0.195), (59.62, 0.727)]
    """
    if level < 1:
        raise InvalidInput(
            f"level of the time rule is {level}, expected 1 or more (a coarser one tells its error). Use 2."
        )
    for name, value in (("half-life", half_life_d), ("time to the last day", until_d - start_d)):
        if not value > 0.0:
            raise InvalidInput(f"{name} is {value:g} d, expected > 0 d. Correct it.")
    if course is None:
        share = np.array([float(decayed_share(until_d, half_life_d) - decayed_share(start_d, half_life_d))])
        return DecayNodes(np.array([float(start_d)]), share, share)
    measure = decay_measure(half_life_d, course, start_d, (until_d,))
    points: dict[float, list[float]] = {}
    for column, count in enumerate((2 ** (level - 1) + 1, 2 ** (level - 1))):
        states, weights = measure.gauss(count)
        for time, weight in zip(measure.days(states).tolist(), weights.tolist(), strict=True):
            points.setdefault(time, [0.0, 0.0])[column] += weight
    times = sorted(points)
    return DecayNodes(
        np.array(times),
        np.array([points[t][0] for t in times]),
        np.array([points[t][1] for t in times]),
    )
