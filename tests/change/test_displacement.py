"""Displaced seeds: their distributions, their streams, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import dawsn

from mcsim.invalid_input import InvalidInput
from validation.case import Implant, built_in
from validation.change import Displacement, displaced_seeds, undisplaced_seeds
from validation.change.seed_bodies import seed_bodies


def lattice(count: int, spacing: float = 3.0) -> Implant:
    """Seeds far from each other, five to a needle, in different directions."""
    side = int(np.ceil(count ** (1 / 3)))
    places = spacing * np.array(list(np.ndindex(side, side, side))[:count], dtype=float)
    axes = np.random.default_rng(9).normal(size=(count, 3))
    axes[:] = np.repeat(axes[::5], 5, axis=0)[:count]
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    return Implant("6711", places, axes, np.full(count, 0.5), 59.4, np.arange(count) // 5)


FAR_APART = lattice(40)
MANY = 2500  # members: 100,000 seeds


def offsets(displacement: Displacement, members: int = MANY) -> np.ndarray:
    return displaced_seeds(FAR_APART, displacement, range(members), 11).positions - FAR_APART.positions


def parts(offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Displacement along each seed's axis and its distance across."""
    along = np.einsum("mij,ij->mi", offset, FAR_APART.axes)
    return along, np.linalg.norm(offset - along[..., None] * FAR_APART.axes, axis=-1)


def test_a_gaussian_displacement_gives_its_mean_of_inverse_squares() -> None:
    # E[1/r²] = √2/(s d) D(d/(s√2)); d = 6.7 s, so that no draw comes near the singularity. 100,000 draws: the standard
    # deviation of 1/r² is 2 s/d = 0.30 of it, that of the mean 0.95e-3; 5 of those against an effect of s²/d² = 2.2 %.
    s, d = 0.3, 2.0
    seeds = displaced_seeds(FAR_APART, Displacement(isotropic_sd=s), range(MANY), 11)
    point = FAR_APART.positions + d * np.array([0.6, 0.0, 0.8])
    square = np.sum((seeds.positions - point) ** 2, axis=-1)
    exact = np.sqrt(2.0) / (s * d) * dawsn(d / (s * np.sqrt(2.0)))
    assert (1.0 / square).mean() == pytest.approx(exact, rel=4.8e-3)
    assert exact * d**2 - 1.0 == pytest.approx(s**2 / d**2, rel=0.1)


def test_isotropic_displacement_has_its_moments() -> None:
    offset = offsets(Displacement(isotropic_sd=0.2))
    # 300,000 numbers: 0.13 % in a standard deviation, 0.0004 cm in a mean; five times that.
    assert offset.std() == pytest.approx(0.2, rel=7e-3)
    assert abs(offset.mean(axis=(0, 1))).max() < 5 * 0.2 / np.sqrt(100_000)
    correlation = np.corrcoef(offset.reshape(-1, 3).T) - np.eye(3)
    assert abs(correlation).max() < 5 / np.sqrt(100_000)


def test_along_and_across_are_those_of_the_seed() -> None:
    along, across = parts(offsets(Displacement(along_mean=0.1, along_sd=0.25, across_sd=0.05)))
    assert along.mean() == pytest.approx(0.1, abs=5 * 0.25 / np.sqrt(100_000))
    assert along.std() == pytest.approx(0.25, rel=0.012)
    assert np.sqrt((across**2).mean()) == pytest.approx(0.05 * np.sqrt(2.0), rel=0.012)


def test_a_needle_shares_its_displacement() -> None:
    offset = offsets(Displacement(needle_along_sd=0.2, needle_across_sd=0.1), 300)
    by_needle = offset.reshape(300, 8, 5, 3)
    np.testing.assert_allclose(by_needle, np.broadcast_to(by_needle[:, :, :1], by_needle.shape), atol=1e-12)
    along, across = parts(offset)
    # 2,400 needles: 1.4 % in a standard deviation; five times that.
    assert along.std() == pytest.approx(0.2, rel=0.08)
    assert np.sqrt((across**2).mean()) == pytest.approx(0.1 * np.sqrt(2.0), rel=0.08)
    between = np.corrcoef(by_needle[:, 0, 0, 0], by_needle[:, 1, 0, 0])[0, 1]
    assert abs(between) < 5 / np.sqrt(300)


def test_a_needle_tilts_about_the_middle_of_its_seeds() -> None:
    neck = built_in("neck").implant
    seeds = displaced_seeds(neck, Displacement(needle_tilt_sd=0.03), range(50), 3)
    for needle in np.unique(neck.needles):
        own = neck.needles == needle
        np.testing.assert_allclose(
            seeds.positions[:, own].mean(axis=1),
            np.broadcast_to(neck.positions[own].mean(axis=0), (50, 3)),
            atol=1e-9,
        )
        gaps = np.linalg.norm(np.diff(seeds.positions[:, own], axis=1), axis=-1)
        np.testing.assert_allclose(
            gaps, np.broadcast_to(np.diff(neck.positions[own] @ neck.axes[0]), gaps.shape)
        )
    angle = np.arccos(np.einsum("mij,ij->mi", seeds.axes, neck.axes))
    assert np.sqrt((angle[:, ::2] ** 2).mean()) == pytest.approx(0.03 * np.sqrt(2.0), rel=0.2)


def test_seeds_tilt_and_stay_unit_vectors() -> None:
    seeds = displaced_seeds(FAR_APART, Displacement(tilt_sd=0.05), range(500), 3)
    np.testing.assert_array_equal(
        seeds.positions, np.broadcast_to(FAR_APART.positions, seeds.positions.shape)
    )
    np.testing.assert_allclose(np.linalg.norm(seeds.axes, axis=-1), 1.0, rtol=1e-14)
    angle = np.arccos(np.einsum("mij,ij->mi", seeds.axes, FAR_APART.axes))
    assert np.sqrt((angle**2).mean()) == pytest.approx(0.05 * np.sqrt(2.0), rel=0.03)


def test_seeds_are_lost_with_their_probability() -> None:
    seeds = displaced_seeds(FAR_APART, Displacement(loss_probability=0.01), range(MANY), 3)
    assert (~seeds.present).sum() == pytest.approx(1000, abs=5 * np.sqrt(1000))


def test_late_moves_have_their_times_and_places() -> None:
    seeds = displaced_seeds(
        FAR_APART, Displacement(late_probability=0.1, late_mean_time_d=20.0, late_sd=0.5), range(500), 3
    )
    moves = np.isfinite(seeds.late_time_d)
    assert moves.sum() == pytest.approx(2000, abs=5 * np.sqrt(2000))
    assert seeds.late_time_d[moves].mean() == pytest.approx(20.0, abs=5 * 20.0 / np.sqrt(2000))
    shift = seeds.late_positions - seeds.positions
    np.testing.assert_array_equal(shift[~moves], 0.0)
    assert shift[moves].std() == pytest.approx(0.5, rel=5 / np.sqrt(2 * 6000))
    assert seeds.late_present.all()
    leaving = displaced_seeds(FAR_APART, Displacement(late_probability=0.1), range(500), 3)
    np.testing.assert_array_equal(leaving.late_present, ~np.isfinite(leaving.late_time_d))
    first = int(np.flatnonzero((~leaving.late_present).sum(axis=1) == 1)[0])
    day = leaving.late_times_d(first)[0]
    assert [len(leaving.implant(first, FAR_APART, t)) for t in (0.5 * day, day)] == [40, 39]


def test_clumping_brings_seeds_together() -> None:
    seeds = displaced_seeds(FAR_APART, Displacement(clumping=0.1), range(2), 3)
    middle = FAR_APART.positions.mean(axis=0)
    np.testing.assert_allclose(seeds.positions[1] - middle, 0.9 * (FAR_APART.positions - middle), atol=1e-12)


def test_members_do_not_depend_on_order_or_company() -> None:
    neck = built_in("neck").implant
    what = Displacement(
        isotropic_sd=0.3,
        needle_along_sd=0.2,
        tilt_sd=0.1,
        loss_probability=0.1,
        late_probability=0.2,
        late_sd=0.4,
    )
    whole = displaced_seeds(neck, what, range(60), 5)
    assert whole.redraws.sum() > 0  # rejection is part of what is compared
    chosen = [47, 3, 20]
    some = displaced_seeds(neck, what, chosen, 5)
    for name in ("positions", "axes", "present", "late_time_d", "late_positions", "late_present", "redraws"):
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name)[chosen])
    other = displaced_seeds(neck, what, chosen, 6)
    assert not np.isin(other.positions, some.positions).any()


def test_losing_seeds_changes_no_other() -> None:
    neck = built_in("neck").implant
    kept = displaced_seeds(neck, Displacement(isotropic_sd=0.3), range(50), 5)
    lost = displaced_seeds(neck, Displacement(isotropic_sd=0.3, loss_probability=0.5), range(50), 5)
    np.testing.assert_array_equal(kept.positions, lost.positions)
    assert not lost.present.all()


def test_a_seed_draws_the_same_whatever_seeds_come_after_it() -> None:
    every = displaced_seeds(FAR_APART, Displacement(isotropic_sd=0.2, tilt_sd=0.1), range(5), 5)
    first = Implant(
        "6711", FAR_APART.positions[:10], FAR_APART.axes[:10], np.full(10, 0.5), 59.4, FAR_APART.needles[:10]
    )
    few = displaced_seeds(first, Displacement(isotropic_sd=0.2, tilt_sd=0.1), range(5), 5)
    np.testing.assert_array_equal(few.positions, every.positions[:, :10])
    np.testing.assert_array_equal(few.axes, every.axes[:, :10])


def test_one_factor_draws_nothing_from_another() -> None:
    one = offsets(Displacement(isotropic_sd=0.1), 200)
    both = offsets(Displacement(isotropic_sd=0.1, along_sd=0.2), 200)
    alone = offsets(Displacement(along_sd=0.2), 200)
    np.testing.assert_allclose(both, one + alone, atol=1e-12)
    assert abs(np.corrcoef(one.ravel(), alone.ravel())[0, 1]) < 5 / np.sqrt(one.size)


def test_a_value_for_each_member_scales_the_same_draws() -> None:
    sigmas = np.array([0.0, 0.1, 0.2])
    offset = offsets(Displacement(isotropic_sd=sigmas), 3)
    unit = offsets(Displacement(isotropic_sd=1.0), 3)
    np.testing.assert_allclose(offset, sigmas[:, None, None] * unit, atol=1e-12)
    with pytest.raises(InvalidInput, match="shape of isotropic_sd"):
        offsets(Displacement(isotropic_sd=sigmas), 4)


def test_no_bodies_overlap_and_rejections_are_counted() -> None:
    neck = built_in("neck").implant
    seeds = displaced_seeds(
        neck, Displacement(isotropic_sd=0.4, late_probability=0.3, late_sd=0.5), range(100), 2
    )
    bodies = seed_bodies(neck)
    for places in (seeds.positions, seeds.late_positions):
        assert not any(bodies.pairs(p, a) for p, a in zip(places, seeds.axes, strict=True))
    assert seeds.redraws.sum() > 5
    for row in np.flatnonzero(seeds.redraws)[:5]:
        assert len(seeds.implant(int(row), neck, 1e9)) == 11  # a case takes them


def test_overlaps_that_no_draw_can_avoid_are_refused() -> None:
    neck = built_in("neck").implant
    with pytest.raises(
        InvalidInput, match=r"overlap of seeds \d+ and \d+ of member 4 remains after 0 redraws"
    ):
        displaced_seeds(neck, Displacement(clumping=0.95), [4], 2)
    with pytest.raises(InvalidInput, match="remains after 200 redraws"):
        displaced_seeds(neck, Displacement(clumping=0.95, isotropic_sd=0.01), [4], 2)


def test_without_displacement_seeds_are_where_they_were() -> None:
    neck = built_in("neck").implant
    for seeds in (displaced_seeds(neck, Displacement(), range(3), 1), undisplaced_seeds(neck, range(3))):
        np.testing.assert_array_equal(
            seeds.positions, np.broadcast_to(neck.positions, (3, *neck.positions.shape))
        )
        np.testing.assert_array_equal(seeds.axes, np.broadcast_to(neck.axes, seeds.axes.shape))
        assert seeds.present.all()
        same = seeds.implant(2, neck)
        np.testing.assert_array_equal(same.air_kerma_strengths, neck.air_kerma_strengths)


def test_a_post_implant_check_comes_back_from_what_it_fed() -> None:
    # Statistics of drawn seeds, fed back, draw seeds with the same statistics.
    fed = Displacement.from_statistics(
        {
            "along_mean": 0.1, "along_std_dev": 0.3, "across_rms": 0.2, "needle_along_std_dev": 0.2,
            "needle_across_std_dev": 0.1, "seed_along_std_dev": 0.15, "seed_across_std_dev": 0.05,
            "loss_probability": 0.02, "rotation_mean": 0.1, "seeds": 40,
        },
        late_probability=0.01,
    )  # fmt: skip
    assert (fed.needle_along_sd, fed.needle_across_sd) == (0.2, 0.1)
    assert (fed.along_mean, fed.along_sd, fed.across_sd) == (0.1, 0.15, 0.05)
    assert (fed.loss_probability, fed.late_probability) == (0.02, 0.01)
    seeds = displaced_seeds(FAR_APART, fed, range(500), 3)
    angle = np.arccos(np.einsum("mij,ij->mi", seeds.axes, FAR_APART.axes))
    assert angle.mean() == pytest.approx(0.1, rel=0.02)  # 20,000 angles
    # Needles that could not be told are None in the record.
    plain = Displacement.from_statistics(
        {"along_mean": 0.0, "along_std_dev": 0.3, "across_rms": 0.2, "needle_along_std_dev": None}
    )
    assert (plain.along_sd, plain.across_sd, plain.needle_along_sd) == (0.3, 0.2, 0.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Displacement(isotropic_sd=-0.1), "isotropic_sd of the displacement is -0.1"),
        (lambda: Displacement(loss_probability=1.5), "expected a probability from 0 to 1"),
        (lambda: Displacement(late_mean_time_d=0.0), "expected days > 0"),
        (lambda: Displacement(along_mean=np.inf), "expected a finite number"),
        (lambda: Displacement(tilt_sd=np.array([0.1, np.nan])), "1 value"),
        (lambda: Displacement.from_statistics({"along_mean": 0.1}), "lack along_std_dev, across_rms"),
        (lambda: displaced_seeds(FAR_APART, Displacement(), [0], -1), "seed of the study is -1"),
    ],
)
def test_impossible_displacements_are_refused(make, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()
