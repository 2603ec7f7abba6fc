"""Seeds that are not where they were meant to be: shifted, turned, lost, or gone later, for many members at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Implant

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
Factor = float | FloatArray

_PROBABILITIES = ("loss_probability", "late_probability")
_ANY_SIGN = ("along_mean", "clumping")


@dataclass(frozen=True)
class Displacement:
    """What may happen to the places of seeds. Every field is one number, or one for each member.

    Parameters
    ----------
    isotropic_sd : float
        Standard deviation of every seed along each of x, y, z, cm.
    along_mean, along_sd : float
        Mean and standard deviation of every seed along its axis, cm.
    across_sd : float
        Standard deviation of every seed along each of two directions across its axis, cm.
    needle_along_sd, needle_across_sd : float
        The same, shared by the seeds of a needle, cm.
    needle_tilt_sd : float
        Standard deviation of the needle's tilt about each of two directions across it, in the middle of its seeds, rad.
    tilt_sd : float
        Standard deviation of a seed's tilt about each of two directions across its axis, rad.
    loss_probability : float
        Of a seed to be lost at implantation.
    late_probability : float
        Of a seed to move later.
    late_mean_time_d : float
        Mean of the exponentially distributed time of a late move, days.
    late_sd : float
        Standard deviation of a late move along each of x, y, z, cm; infinite: the seed leaves the region.
    clumping, clumping_sd : float
        Mean and standard deviation over members of the share by which seeds come closer to the middle of all.

    Raises
    ------
    InvalidInput
        A negative standard deviation, a probability outside 0 to 1, or a value that is not finite.

    Examples
    --------
    >>> Displacement(isotropic_sd=0.2, loss_probability=0.01).needle_along_sd
    0.0
    """

    isotropic_sd: Factor = 0.0
    along_mean: Factor = 0.0
    along_sd: Factor = 0.0
    across_sd: Factor = 0.0
    needle_along_sd: Factor = 0.0
    needle_across_sd: Factor = 0.0
    needle_tilt_sd: Factor = 0.0
    tilt_sd: Factor = 0.0
    loss_probability: Factor = 0.0
    late_probability: Factor = 0.0
    late_mean_time_d: Factor = 30.0
    late_sd: Factor = np.inf
    clumping: Factor = 0.0
    clumping_sd: Factor = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = np.asarray(getattr(self, field.name), dtype=np.float64)
            good = ~np.isnan(value) if field.name == "late_sd" else np.isfinite(value)
            expected = "a finite number"
            if field.name in _PROBABILITIES:
                good, expected = good & (value >= 0.0) & (value <= 1.0), "a probability from 0 to 1"
            elif field.name == "late_mean_time_d":
                good, expected = good & (value > 0.0), "days > 0"
            elif field.name not in _ANY_SIGN:
                good, expected = good & (value >= 0.0), "a number >= 0"
            if not good.all():
                bad = value[~good]
                raise InvalidInput(
                    f"{field.name} of the displacement is {bad.flat[0]:g}, expected {expected} ({bad.size} value(s) "
                    f"are not). Correct it."
                )

    @staticmethod
    def from_statistics(statistics: Mapping[str, object], **others: Factor) -> Displacement:
        """What a post-implant check measured, as a displacement.

        Parameters
        ----------
        statistics : mapping
            Record of the check's statistics, cm and rad: ``along_mean``, and where needles could be told from seeds
            ``needle_along_std_dev``, ``needle_across_std_dev``, ``seed_along_std_dev`` and
            ``seed_across_std_dev``, else ``along_std_dev`` and ``across_rms``; ``loss_probability``;
            ``rotation_mean``, the mean of a Rayleigh distribution, √(π/2) times the spread of the tilt. None or NaN
            is what could not be told.
        **others : float or ndarray
            Fields to set besides or instead.

        Raises
        ------
        InvalidInput
            The mean or the spreads are missing.

        Examples
        --------
        >>> check = {"along_mean": 0.05, "along_std_dev": 0.2, "across_rms": 0.1, "loss_probability": 0.01}
        >>> Displacement.from_statistics(check).across_sd
        0.1
        """

        def told(name: str) -> float | None:
            value = statistics.get(name)
            return float(value) if isinstance(value, int | float) and np.isfinite(value) else None

        by_needle = {
            "needle_along_sd": "needle_along_std_dev", "needle_across_sd": "needle_across_std_dev",
            "along_sd": "seed_along_std_dev", "across_sd": "seed_across_std_dev",
        }  # fmt: skip
        together = {"along_sd": "along_std_dev", "across_sd": "across_rms"}
        names = by_needle if all(told(n) is not None for n in by_needle.values()) else together
        names = {"along_mean": "along_mean", **names}
        missing = [name for name in names.values() if told(name) is None]
        if missing:
            raise InvalidInput(
                f"displacement statistics lack {', '.join(missing)}, expected numbers in cm (those of a post-implant "
                f"check). Add them."
            )
        values: dict[str, Factor] = {field: told(name) or 0.0 for field, name in names.items()}
        values["loss_probability"] = told("loss_probability") or 0.0
        values["tilt_sd"] = (told("rotation_mean") or 0.0) / np.sqrt(np.pi / 2.0)
        return Displacement(**{**values, **others})

    def of_members(self, name: str, members: int) -> FloatArray:
        """A field as one value for each member, shape (members,).

        Raises
        ------
        InvalidInput
            It is an array of another length.
        """
        value = np.asarray(getattr(self, name), dtype=np.float64)
        if value.shape not in ((), (members,)):
            raise InvalidInput(
                f"shape of {name} of the displacement is {value.shape}, expected one number or {members}, one for each "
                f"member. Correct it."
            )
        return np.broadcast_to(value, (members,))

    def record(self) -> dict[str, object]:
        """The displacement as plain values, for the settings of a result; an infinite `late_sd` becomes a word."""
        values = {f.name: np.asarray(getattr(self, f.name)).tolist() for f in fields(self)}
        return {name: "leaves" if value == np.inf else value for name, value in values.items()}


@dataclass(frozen=True, eq=False)
class DisplacedSeeds:
    """Seeds of the members of an ensemble, in the geometry of the case.

    Attributes
    ----------
    members : tuple of int
        Indices of the members.
    positions : ndarray, shape (members, n, 3)
        Centres, cm.
    axes : ndarray, shape (members, n, 3)
        Unit directions.
    present : ndarray of bool, shape (members, n)
        Not lost at implantation.
    late_time_d : ndarray, shape (members, n)
        Day of a seed's late move; infinite for one that stays.
    late_positions : ndarray, shape (members, n, 3)
        Centres after it, cm.
    late_present : ndarray of bool, shape (members, n)
        Still there after it.
    redraws : ndarray of int, shape (members,)
        Draws that were rejected because seed bodies would have overlapped.
    """

    members: tuple[int, ...]
    positions: FloatArray
    axes: FloatArray
    present: Mask
    late_time_d: FloatArray
    late_positions: FloatArray
    late_present: Mask
    redraws: NDArray[np.int64]

    def implant(self, row: int, implant: Implant, time_d: float = 0.0) -> Implant:
        """The seeds of one member that are there at a time, in the geometry of the case.

        Parameters
        ----------
        row : int
            Which of `members`.
        implant : Implant
            That of the case: model, strengths and needles.
        time_d : float
            Days after implantation.

        Returns
        -------
        Implant
            The seeds present; the others are left out.

        Raises
        ------
        InvalidInput
            None is left.
        """
        moved = self.late_time_d[row] <= time_d
        there = self.there(row, time_d)
        places = np.where(moved[:, None], self.late_positions[row], self.positions[row])
        return replace(
            implant, positions=places[there], axes=self.axes[row][there],
            air_kerma_strengths=implant.air_kerma_strengths[there], needles=implant.needles[there],
        )  # fmt: skip

    def there(self, row: int, time_d: float = 0.0) -> Mask:
        """Seeds of one member that are there at a time, shape (n,)."""
        moved = self.late_time_d[row] <= time_d
        return np.asarray(np.where(moved, self.late_present[row], self.present[row]))

    def late_times_d(self, row: int) -> tuple[float, ...]:
        """Days of one member's late moves, ascending: breakpoints of an integral over time."""
        times = self.late_time_d[row][self.present[row]]
        return tuple(sorted({float(t) for t in times if np.isfinite(t)}))


def undisplaced_seeds(implant: Implant, members: Sequence[int] = (0,)) -> DisplacedSeeds:
    """Seeds of members that all have them where the case has them.

    Examples
    --------
    >>> from validation.case import built_in
    >>> undisplaced_seeds(built_in("neck").implant, range(3)).positions.shape
    (3, 11, 3)
    """
    shape = (len(members), len(implant))
    positions = np.broadcast_to(implant.positions, (*shape, 3))
    there: Mask = np.ones(shape, dtype=bool)
    return DisplacedSeeds(
        tuple(int(m) for m in members), positions, np.broadcast_to(implant.axes, (*shape, 3)), there,
        np.full(shape, np.inf), positions, there, np.zeros(shape[0], dtype=np.int64),
    )  # fmt: skip


def displaced_seeds(
    implant: Implant, displacement: Displacement, members: ArrayLike, study_seed: int
) -> DisplacedSeeds:
    """Draw the seeds of members.

    A seed's draws belong to (study seed, member, seed, factor): they do not depend on which members are drawn with it,
    in which order, nor on what happens to other seeds, except where bodies would overlap. Then the seed of the pair
    that comes later in the list is drawn again (its needle, where only needles vary), lost seeds counted as if there.

    Parameters
    ----------
    implant : Implant
        Seeds as planned.
    displacement : Displacement
        What may happen to them.
    members : array_like of int
        Indices of the members.
    study_seed : int
        0 to 2⁶⁴ − 1.

    Returns
    -------
    DisplacedSeeds

    Raises
    ------
    InvalidInput
        Bodies overlap however often they are drawn again, or a field has another number of members.

    Examples
    --------
    >>> from validation.case import built_in
    >>> drawn = displaced_seeds(built_in("neck").implant, Displacement(isotropic_sd=0.2), range(100), 1)
    >>> round(float((drawn.positions - built_in("neck").implant.positions).std()), 1)
    0.2
    """
    from validation.change.displacement_draws import draw

    indices = tuple(int(m) for m in np.atleast_1d(np.asarray(members)))
    return draw(implant, displacement, indices, study_seed)
