"""Stated type A uncertainties against the spread of replicas that share nothing, not even the phase space.

An implant of 48 seeds 6711, all of them solid, in water with a slab of bone, is simulated again and again with another
random seed and another phase space. In each of hundreds of voxels of four kinds, apart from each other, the mean of the
stated variances divided by the variance between the replicas must be 1; pooled over the voxels of a kind, each divided
by its mean dose. A replica replays as large a part of its phase space (38 %) as the demonstration run does
(1.7 million of the 4.5 million productive histories of the default phase space), so what the phase space's finite size
adds to the spread is in it.

The ratio's own standard uncertainty u is found by leaving out one replica at a time: it counts that voxels share
histories and that their doses are skewed. At full length u is 0.005 to 0.009, and the limit of 0.05 is 5.4 u or more: a
false alarm in any of the four kinds is less likely than 1e-6 (Student's t, 159 degrees of freedom), and a ratio off by
0.1 is found. The quick version has the limit 8.9 u (15 degrees of freedom, as rare), about 0.2 for a kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

import mcsim.simulation
from mcsim.phantom import Phantom, surrounded
from mcsim.phase_space import PhaseSpace, make_phase_space
from mcsim.result import GROUPS, Result
from mcsim.seed_model import SeedModel
from mcsim.simulation import Simulation
from mcsim.simulation_settings import Settings, StoppingRule

MODEL, RADIUS, HALF_LENGTH = "6711", 0.04, 0.2275
BATCHES = 20
KINDS = ("seed-adjacent", "high-dose", "bone", "low-dose")


class Length(NamedTuple):
    """Size of a study."""

    replicas: int
    phase_space_histories: int
    histories_per_batch: int
    largest_u: float
    limit_in_u: float  # the ratio may be off by so many u …
    limit: float  # … and by so much


QUICK = Length(16, 200_000, 1700, 0.05, 8.9, 1.0)
FULL = Length(160, 1_000_000, 8500, 0.0091, np.inf, 0.05)


def implant() -> tuple[np.ndarray, np.ndarray]:
    """Centres, cm, and axes of 48 seeds about 8 mm apart, turned at random."""
    rng = np.random.default_rng(12)
    grid = np.arange(4) * 0.8 - 1.2
    centres = np.stack(np.meshgrid(grid[:3] + 0.4, grid, grid, indexing="ij"), axis=-1).reshape(-1, 3)
    centres = centres + rng.uniform(-0.12, 0.12, centres.shape)
    axes = rng.normal(size=centres.shape)
    return centres, axes / np.linalg.norm(axes, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    """Voxels of 1 mm of water, 6 mm of bone beside the implant, water to 4.5 cm and more around it."""
    fine = [np.linspace(-4.2, 2.6, 69), np.linspace(-2.5, 2.5, 51), np.linspace(-2.5, 2.5, 51)]
    planes, scoring = surrounded(fine, [np.array([-7.0, -4.5, 4.5, 9.0])] * 3)
    shape = tuple(len(p) - 1 for p in planes)
    medium, density = np.zeros(shape, np.uint8), np.full(shape, 0.998, np.float32)
    x = 0.5 * (planes[0][1:] + planes[0][:-1])
    bone = (x > 1.5) & (x < 2.1)
    medium[bone], density[bone] = 1, 1.92
    return Phantom(planes, medium, density, ("water", "cortical_bone"), scoring)


def apart(chosen: np.ndarray, voxels: int) -> np.ndarray:
    """Flat indices of some of the chosen voxels, at least so many voxels apart along one axis, in random order."""
    taken, kept = np.zeros(chosen.shape, dtype=bool), []
    for place in np.random.default_rng(1).permutation(np.argwhere(chosen)):
        near = tuple(slice(max(i - voxels + 1, 0), i + voxels) for i in place)
        if not taken[near].any():
            taken[tuple(place)] = True
            kept.append(np.ravel_multi_index(place, chosen.shape))
    return np.array(kept)


@pytest.fixture(scope="module")
def voxels(phantom: Phantom) -> dict[str, np.ndarray]:
    """Flat indices of the voxels of each kind."""
    centres, axes = implant()
    x, y, z = (0.5 * (p[1:] + p[:-1]) for p in phantom.scoring_planes)
    points = np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1)
    distance = np.full(points.shape[:-1], np.inf)  # from the nearest seed's surface
    for centre, axis in zip(centres, axes, strict=True):
        offset = points - centre
        along = np.clip(offset @ axis, RADIUS - HALF_LENGTH, HALF_LENGTH - RADIUS)
        distance = np.minimum(distance, np.linalg.norm(offset - along[..., None] * axis, axis=-1) - RADIUS)
    bone = phantom.medium[phantom.scoring] == 1
    among = (np.abs(points[..., 0]) < 1.2) & (np.abs(points[..., 1:]) < 1.5).all(axis=-1)
    return {
        "seed-adjacent": apart((distance > 0.0) & (distance < 0.11), 2),
        "high-dose": apart(among & (distance > 0.16), 2),
        "bone": apart(bone, 3),
        "low-dose": apart((points[..., 0] < -2.6), 5),  # 1.3 cm and more from the nearest seed
    }


def own_phase_space(number: int) -> Callable[..., PhaseSpace]:
    """In place of the cached phase space: one of this number alone."""

    def make(model: SeedModel, histories: int, *arguments: object, **named: object) -> PhaseSpace:
        return make_phase_space(model, histories, threads=2, run_seed=5000 + number)

    return make


def replica(
    phantom: Phantom, centres: np.ndarray, axes: np.ndarray, number: int, length: Length,
    monkeypatch: pytest.MonkeyPatch, mask: np.ndarray | None = None,
) -> Simulation:  # fmt: skip
    monkeypatch.setattr(mcsim.simulation, "load_phase_space", own_phase_space(number))
    settings = Settings(
        run_seed=number,
        phase_space_histories=length.phase_space_histories,
        productive_histories_per_batch=length.histories_per_batch,
    )
    return Simulation(
        phantom, MODEL, centres, axes, np.full(len(centres), 0.6), 59.4, settings, group_mask=mask, threads=2
    )


def ratio_and_uncertainty(stated: np.ndarray, means: np.ndarray) -> tuple[float, float]:
    """Stated over found variance of the means, pooled over quantities; arrays (replicas, quantities)."""

    # tracks in a voxel are counted, nearly: their variance goes with the mean dose, and every voxel weighs the same
    dose = means.mean(axis=0)
    weight = np.divide(1.0, dose, out=np.zeros_like(dose), where=dose > 0.0)

    def ratio(keep: np.ndarray) -> float:
        found = means[keep].var(axis=0, ddof=1)
        return float((stated[keep].mean(axis=0) * weight).sum() / (found * weight).sum())

    n = len(means)
    single = np.array([ratio(np.delete(np.arange(n), k)) for k in range(n)])
    return ratio(np.arange(n)), float(np.sqrt((n - 1) / n * ((single - single.mean()) ** 2).sum()))


@pytest.mark.parametrize(
    "length", [pytest.param(QUICK, id="quick"), pytest.param(FULL, id="full", marks=pytest.mark.slow)]
)
def test_stated_variance_is_that_between_replicas(
    length: Length, phantom: Phantom, voxels: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    centres, axes = implant()
    doses, stated = [], []
    for number in range(length.replicas):
        run = replica(phantom, centres, axes, number, length, monkeypatch)
        result: Result = run.run(StoppingRule(batches=(0, BATCHES)))
        doses.append(result.dose_per_history().ravel())
        stated.append(result.dose_per_history_std_dev().ravel() ** 2)
        doses[-1], stated[-1] = (
            np.concatenate([values[-1][voxels[kind]] for kind in KINDS]) for values in (doses, stated)
        )
    first = 0
    for kind in KINDS:
        here = slice(first, first + len(voxels[kind]))
        first = here.stop
        assert len(voxels[kind]) >= 200
        ratio, u = ratio_and_uncertainty(np.array(stated)[:, here], np.array(doses)[:, here])
        record_property(kind, f"{len(voxels[kind])} voxels: {ratio:.4f} ± {u:.4f}")
        print(f"{kind}: {len(voxels[kind])} voxels, stated / found variance {ratio:.4f} ± {u:.4f}")
        assert u < length.largest_u, kind
        assert abs(ratio - 1.0) < min(length.limit_in_u * u, length.limit), kind


@pytest.mark.slow
def test_groups_of_batches_show_the_finite_size_of_the_phase_space(monkeypatch: pytest.MonkeyPatch) -> None:
    # One seed replays a small phase space nine times over. No spread between batches could then show how far that phase
    # space is from the truth, but the 20 groups of batches replay a twentieth of it each: the variance between them is
    # that between replicas with phase spaces of their own, for the mean dose of regions too, where it tells most. Drawn
    # at random the histories would make the ratio 0.33.
    length = Length(20, 100_000, 20_000, 0.15, 7.2, 1.0)
    planes, scoring = surrounded([np.linspace(-1.0, 1.0, 21)] * 3, [np.array([-4.0, -2.0, 2.0, 4.0])] * 3)
    shape = tuple(len(p) - 1 for p in planes)
    water = Phantom(planes, np.zeros(shape, np.uint8), np.full(shape, 0.998, np.float32), ("water",), scoring)
    x, y, z = np.meshgrid(*[0.5 * (p[1:] + p[:-1]) for p in water.scoring_planes], indexing="ij")
    rho = np.hypot(x, y)
    # rings about the seed, 2 mm wide and high, in one half: the other is their mirror image
    ring = (np.floor(rho / 0.2) + 5 * np.floor(z / 0.2)).astype(int)
    inside = (rho < 1.0) & (rho > 0.2) & (z > 0.0)
    regions = [np.flatnonzero((inside & (ring == k)).ravel()) for k in np.unique(ring[inside])]
    means, stated = [], []
    for number in range(length.replicas):
        run = replica(
            water,
            np.zeros((1, 3)),
            np.array([[0.0, 0.0, 1.0]]),
            number,
            length,
            monkeypatch,
            np.ones(x.shape, bool),
        )
        result = run.run(StoppingRule(batches=(0, BATCHES)))
        # per history that leaves the seed: how many do is a matter of the strength per history, which has its own
        dose = result.group_dose() / result.scale.dose_per_history / run.phase_space.productive_share
        place = np.full(x.size, -1)
        place[result.group_voxels] = np.arange(len(result.group_voxels))
        groups = np.array([dose[:, place[region][place[region] >= 0]].mean(axis=1) for region in regions])
        means.append(groups.mean(axis=1))
        stated.append(groups.var(axis=1, ddof=1) / GROUPS)
    ratio, u = ratio_and_uncertainty(np.array(stated), np.array(means))
    print(f"groups: {len(regions)} regions, stated / found variance {ratio:.4f} ± {u:.4f}")
    assert u < length.largest_u
    assert abs(ratio - 1.0) < length.limit_in_u * u
