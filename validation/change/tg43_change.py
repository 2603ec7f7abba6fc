"""TG-43 dose of tissue elements while tissue changes, for one implant and for ensembles of implants.

Points are tissue elements of the reference geometry; at every time they and the seeds stand where the tissue took them.
Water keeps its density, as TG-43 has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.invalid_input import InvalidInput
from tg43 import SourceData, dose_per_dose_rate, dose_rate
from validation.case import Implant
from validation.change.accumulation import FrozenDose
from validation.change.carried_seeds import carried_places, carried_seeds
from validation.change.decay_nodes import DecayNodes, decay_nodes
from validation.change.displacement import DisplacedSeeds
from validation.change.tissue_change import TissueChange
from validation.change.tissue_field import TissueField

FloatArray = NDArray[np.float64]

ENSEMBLE_LEVEL = 2


def frozen_tg43_dose(
    points: ArrayLike,
    implant: Implant,
    change: TissueChange,
    field: TissueField,
    source: SourceData,
    *,
    formalism: str = "line",
    threads: int = 1,
) -> FrozenDose:
    """TG-43 dose at points in time, for `accumulate`.

    Parameters
    ----------
    points : array_like, shape (m, 3)
        Tissue elements in the reference geometry, cm.
    implant : Implant
        Seeds in the reference geometry; where tissue brings bodies to overlap they are pushed apart.
    change : TissueChange
        What happens to the tissue.
    field : TissueField
        ``change.field(case)``.
    source : SourceData
        TG-43 data of the seeds.
    formalism, threads
        As for `tg43.dose_rate`.

    Returns
    -------
    callable
        Takes days (k,) and returns the dose to full decay at the points if the geometry stayed as at each, (k, m), Gy.
    """
    points = np.asarray(points, dtype=np.float64)
    weight = field.weights(points)[0]
    mean_life = dose_per_dose_rate(implant.half_life_d)

    def dose(times_d: FloatArray) -> FloatArray:
        result = np.empty((len(times_d), len(points)))
        for k, ratio in enumerate(change.ratio(times_d)):
            seeds = carried_seeds(implant, field, float(ratio), change.seeds_follow).implant
            rate = dose_rate(
                field.moved(points, float(ratio), weight), seeds.positions, seeds.axes,
                seeds.air_kerma_strengths, source, method="fast", formalism=formalism, threads=threads,
            )  # fmt: skip
            result[k] = rate * mean_life
        return result

    return dose


def frozen_voxel_dose(
    static_dose: FloatArray,
    grid: tuple[FloatArray, FloatArray, FloatArray],
    implant: Implant,
    change: TissueChange,
    field: TissueField,
    source: SourceData,
    *,
    threads: int = 1,
) -> FrozenDose:
    """TG-43 voxel doses at points in time, from those of the static case.

    The mean over a tissue element changes as its middle does: F_t = F_static · Ḋ(φ_t(x), t)/Ḋ(x). The mean over a voxel
    of side h differs from the middle by about h²/(12 r²) at r from a seed, in both geometries nearly alike.

    Parameters
    ----------
    static_dose : ndarray, shape (nx, ny, nz)
        Dose to full decay of the reference geometry, mean over the tissue part of voxels, Gy, as `tg43_dose` gives it.
    grid : tuple of three ndarrays
        Voxel centres, cm.
    implant, change, field, source, threads
        As for `frozen_tg43_dose`.

    Returns
    -------
    callable
        Takes days (k,) and returns (k, nx, ny, nz) in Gy; `static_dose` itself, to the bit, where nothing changed.
    """
    centres = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1).reshape(-1, 3)
    at_points = frozen_tg43_dose(centres, implant, change, field, source, threads=threads)
    mean_life = dose_per_dose_rate(implant.half_life_d)
    static_rate = dose_rate(
        centres, implant.positions, implant.axes, implant.air_kerma_strengths, source, method="fast", threads=threads
    )  # fmt: skip
    static_points = static_rate * mean_life

    def dose(times_d: FloatArray) -> FloatArray:
        share = np.asarray(at_points(times_d), dtype=np.float64) / static_points
        return np.asarray(static_dose * share.reshape(len(times_d), *static_dose.shape))

    return dose


class EnsembleDose(NamedTuple):
    """What a function made of the doses of an ensemble's members.

    Attributes
    ----------
    values : ndarray, shape (members, ...)
        Of the dose (m,) in Gy of each member.
    coarse_values : ndarray, shape (members, ...)
        The same with a point in time less: the difference estimates the error of the time integral, on the safe side.
    """

    values: FloatArray
    coarse_values: FloatArray


def ensemble_changed_dose(
    function: Callable[[FloatArray], ArrayLike],
    points: ArrayLike,
    seeds: DisplacedSeeds,
    air_kerma_strengths: ArrayLike,
    half_life_d: ArrayLike,
    source: SourceData,
    *,
    change: TissueChange | Sequence[TissueChange | None] | None = None,
    field: TissueField | None = None,
    until_d: float = np.inf,
    level: int = ENSEMBLE_LEVEL,
    formalism: str = "line",
    threads: int = 1,
) -> EnsembleDose:
    """What a function makes of each member's dose, such as its D90, with displaced seeds in changing tissue.

    Parameters
    ----------
    function : callable
        Takes one member's dose (m,) in Gy and returns a number or an array of one shape. It is called from several
        threads at once.
    points : array_like, shape (m, 3)
        Tissue elements in the reference geometry, cm.
    seeds : DisplacedSeeds
        Seeds of every member in the reference geometry; a late move happens there and is carried by the tissue.
        Bodies that shrinking tissue brings to overlap are not pushed apart here.
    air_kerma_strengths : array_like, shape (n,) or (members, n)
        U at implantation.
    half_life_d : array_like, scalar or shape (members,)
        Days.
    source : SourceData
        TG-43 data of the seeds.
    change : TissueChange, or a sequence of one for each member, optional
        What happens to the tissue; None for nothing. All of one ensemble have the displacement `field`.
    field : TissueField, optional
        Needed with a change.
    until_d : float
        Dose is wanted to this day.
    level : int
        Of the rule in time, see `decay_nodes`.
    formalism, threads
        As for `tg43.dose_rate`; the result does not depend on the threads.

    Returns
    -------
    EnsembleDose

    Raises
    ------
    InvalidInput
        Numbers of members disagree, a change comes without a field, or a field would fold.
    """
    points = np.ascontiguousarray(np.asarray(points, dtype=np.float64))
    members, n = seeds.present.shape
    strengths = np.broadcast_to(np.asarray(air_kerma_strengths, np.float64), (members, n))
    half_lives = np.broadcast_to(np.asarray(half_life_d, np.float64), (members,))
    changes = [change] * members if change is None or isinstance(change, TissueChange) else list(change)
    if len(changes) != members:
        raise InvalidInput(
            f"number of tissue changes is {len(changes)}, expected {members} as of members. Give one for each."
        )
    if field is None and any(c is not None for c in changes):
        raise InvalidInput(
            "displacement field is missing, expected one with a tissue change. Make it with TissueChange.field."
        )
    weight = None if field is None else field.weights(points)[0]

    # Members with the same change share their points in time, unless a seed moves late.
    known: dict[tuple[int, float, float, float], DecayNodes] = {}

    def rule_of(own: TissueChange | None, half_life: float, start: float, end: float) -> DecayNodes:
        key = (id(own), half_life, start, end)
        if key not in known:
            course = None if own is None else own.course
            known[key] = decay_nodes(half_life, course, level=level, start_d=start, until_d=end)
        return known[key]

    def member_dose(i: int) -> tuple[FloatArray, FloatArray]:
        own = changes[i]
        late = seeds.late_time_d[i]
        # A late move splits time: the seed counts at its first place before it, at the other from then on.
        moves = sorted({float(t) for t in late if t < until_d})
        fine, coarse = np.zeros(len(points)), np.zeros(len(points))
        for start, end in zip([0.0, *moves], [*moves, until_d], strict=True):
            rule = rule_of(own, float(half_lives[i]), start, end)
            moved = late <= start
            present = np.where(moved, seeds.late_present[i], seeds.present[i])
            here = np.flatnonzero(present)
            place = np.where(moved[:, None], seeds.late_positions[i], seeds.positions[i])[here]
            axis = seeds.axes[i][here]
            for time, w, below in zip(*rule, strict=True):
                at, x, a = points, place, axis
                if own is not None and field is not None:
                    ratio = float(own.ratio(time))
                    at = field.moved(points, ratio, weight)
                    x, a = carried_places(field, place, axis, ratio, own.seeds_follow)
                rate = dose_rate(at, x, a, strengths[i][here], source, method="fast", formalism=formalism)
                fine += w * rate
                coarse += below * rate
        mean_life = dose_per_dose_rate(float(half_lives[i]))
        return fine * mean_life, coarse * mean_life

    def values(i: int) -> tuple[ArrayLike, ArrayLike]:
        fine, coarse = member_dose(i)
        return function(fine), function(coarse)

    with ThreadPoolExecutor(threads) as pool:
        both = list(pool.map(values, range(members)))
    return EnsembleDose(
        np.array([v for v, _ in both], dtype=float), np.array([v for _, v in both], dtype=float)
    )
