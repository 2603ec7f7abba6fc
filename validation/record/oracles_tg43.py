"""TG-43 and what is made of doses: geometry function, total dose, displaced seeds, dose-volume indices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import dawsn

import tg43
from validation.evaluate.dvh import part_volumes
from validation.evaluate.indices import INDICES, dose_volume_indices, structure_voxels
from validation.record.check import COVERAGE_OF_A_PUBLICATION, Check, Citation
from validation.record.references import citation, published_data
from validation.record.room import Effort, Room

FORMALISM, INDICES_GROUP = "TG-43 formalism", "Dose-volume indices"
ONE_SEED = ([[0.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]], [1.0])


def tg43_oracles(effort: Effort) -> Room:
    """Oracles 13, 14 and 15, and the published dose rates along and away from the 6711."""
    room = Room()
    room.checks += _formalism()
    room.checks += _displacement(effort)
    room.checks += _along_away()
    room.checks += _indices()
    return room


def _formalism() -> list[Check]:
    seed = tg43.load_source("6711")
    u, w = np.polynomial.legendre.leggauss(40)
    half = 0.15
    geometry = float((0.5 * w / (1.0 + (half * u) ** 2)).sum())
    rate = 100.0 * float(tg43.dose_rate([[1.0, 0.0, 0.0]], *ONE_SEED, seed)[0])
    total = rate * float(tg43.dose_per_dose_rate(seed.half_life))
    nodes = tg43.anisotropy_function(
        seed.anisotropy_distances[:, None], seed.anisotropy_angles[None, :], seed
    )
    tables = [
        np.abs(tg43.radial_dose_function(seed.radial_distances, seed) / seed.radial_dose - 1.0).max(),
        np.abs(nodes / seed.anisotropy - 1.0).max(),
    ]
    points = np.random.default_rng(1).uniform(-3.0, 3.0, (2000, 3))
    points = points[np.linalg.norm(points, axis=1) > 0.3]
    exact, fast = (tg43.dose_rate(points, *ONE_SEED, seed, method=m) for m in ("exact", "fast"))
    return [
        Check(
            "G_L at the reference point",
            FORMALISM,
            "line-source geometry function at 1 cm, 90°, L = 0.3 cm",
            "cm⁻²",
            float(tg43.geometry_function(1.0, np.pi / 2, 0.3)),
            0.0,
            geometry,
            Citation("oracle 13: mean of 1/distance² over the line, by quadrature"),
            1e-12,
            "round-off of the quadrature",
        ),
        Check(
            "dose rate at the reference point",
            FORMALISM,
            "dose rate of 1 U of the 6711 at 1 cm, 90°",
            "cGy/h",
            rate,
            0.0,
            seed.dose_rate_constant,
            Citation("definition of Λ", seed.doi),
            1e-12,
            "round-off",
        ),
        Check(
            "total dose at the reference point",
            FORMALISM,
            "dose to full decay of 1 U of the 6711 at 1 cm, 90°",
            "cGy",
            total,
            0.0,
            seed.dose_rate_constant * 24.0 * seed.half_life / float(np.log(2.0)),
            Citation("oracle 13: Λ S_K T½/ln 2"),
            1e-9,
            "round-off",
        ),
        Check(
            "tables at their nodes",
            FORMALISM,
            "largest relative departure of g_L and F from their tables at the nodes",
            "1",
            float(max(tables)),
            0.0,
            0.0,
            Citation("consensus tables", seed.doi),
            1e-6,
            "contract of the formalism",
            relative=False,
        ),
        Check(
            "fast against exact",
            FORMALISM,
            "largest relative departure of the fast kernel at 2000 points within 5 cm",
            "1",
            float(np.abs(fast / exact - 1.0).max()),
            0.0,
            0.0,
            Citation("the formalism itself"),
            1e-4,
            "stated bound of the fast kernel",
            relative=False,
        ),
    ]


def _displacement(effort: Effort) -> list[Check]:
    """Mean dose of a point source displaced at random: √2/(s d) · Dawson(d/(s √2))."""
    seed = tg43.load_source("6711")
    # g = 1 and φ_an = 1: the engine's point formalism is then 1/r².
    source = replace(
        seed,
        radial_distances=np.array([0.1, 100.0]),
        radial_dose=np.ones(2),
        radial_dose_point=np.empty(0),
        active_length=1e-6,
        anisotropy_factor_distances=np.array([0.1, 100.0]),
        anisotropy_factor=np.ones(2),
    )
    rng, checks = np.random.default_rng(14), []
    count, batches = effort.pick(1_000, 10_000), 20
    for spread, distance in ((0.15, 1.0), (0.2, 2.0)):
        means = []
        for _ in range(batches):
            # Each displacement with its mirror image: the first order cancels.
            moved = rng.normal(scale=spread, size=(count, 3))
            positions = np.concatenate([moved, -moved])
            rates = tg43.dose_rate(
                [[distance, 0.0, 0.0]],
                positions,
                None,
                np.full(len(positions), 0.5 / count),
                source,
                formalism="point",
            )
            means.append(100.0 * float(rates[0]) / source.dose_rate_constant)
        expected = float(np.sqrt(2.0) / (spread * distance) * dawsn(distance / (spread * np.sqrt(2.0))))
        checks.append(
            Check(
                f"seed displaced by {spread:g} cm at {distance:g} cm",
                FORMALISM,
                f"mean of 1/r² at {distance:g} cm from a source displaced at random by {spread:g} cm (1 σ) per axis",
                "cm⁻²",
                float(np.mean(means)),
                float(np.std(means, ddof=1) / np.sqrt(batches)),
                expected,
                Citation("oracle 14: √2/(s d) · Dawson(d/(s√2))"),
            )
        )
    return checks


def _along_away() -> list[Check]:
    table, seed = published_data("published_values")["along_away_6711"], tg43.load_source("6711")
    checks = []
    for away, along, text in table["away_along_rate"]:
        rate = 100.0 * float(tg43.dose_rate([[away, 0.0, along]], *ONE_SEED, seed)[0])
        published = float(text)
        half_digit = 0.5 * 10.0 ** -(len(text) - 2)
        checks.append(
            Check(
                f"dose rate {away:g} cm away, {along:g} cm along",
                FORMALISM,
                f"dose rate of 1 U of the 6711, {away:g} cm away and {along:g} cm along the seed",
                "cGy/h",
                rate,
                0.0,
                published,
                citation(table["source"]),
                table["relative_tolerance"] * published + half_digit,
                table["reason"],
                coverage=COVERAGE_OF_A_PUBLICATION,
            )
        )
    return checks


def _indices() -> list[Check]:
    """A 1/r² source at the centre of a sphere of 1 cm: V(D)/V = (k/(D R²))^{3/2}."""
    n, inner, half = 60, 4, 1.05
    spacing = 2.0 * half / n
    # Off the grid's symmetry: else up to 48 voxels share a dose.
    x2, y2, z2 = (
        ((np.arange(n * inner) + 0.5) * spacing / inner - half + o) ** 2 for o in (0.011, 0.0043, -0.0067)
    )
    fraction, dose = np.empty((n, n, n)), np.empty((n, n, n))
    for i in range(n):
        r2 = x2[i * inner : (i + 1) * inner, None, None] + y2[:, None] + z2
        inside = (r2 <= 1.0).reshape(inner, n, inner, n, inner)
        value = np.where(inside, (1.0 / r2).reshape(inside.shape), 0.0)
        fraction[i] = inside.mean(axis=(0, 2, 4))
        dose[i] = value.sum(axis=(0, 2, 4)) / np.maximum(inside.sum(axis=(0, 2, 4)), 1)
    centres = (np.arange(n) + 0.5) * spacing - half
    volume = part_volumes(centres, centres, centres, fraction, np.ones_like(fraction))
    voxels = structure_voxels(volume, fraction)
    prescription = 1.5
    found = dose_volume_indices(dose.ravel()[voxels.flat], voxels, prescription)
    values = dict(zip((index.name for index in INDICES), found, strict=True))
    source = Citation("oracle 15: V(D)/V = (k/(D R²))^{3/2} inside a sphere")
    expected = {
        "D90": (0.9 ** (-2 / 3), "k/R²", 1e-3),
        "V100": (100.0 * prescription**-1.5, "%", 3e-3),
        "V150": (100.0 * (1.5 * prescription) ** -1.5, "%", 3e-3),
        "DHI": (1.0 - 1.5**-1.5, "1", 3e-3),
        "D2cc": ((4.0 * np.pi / 6.0) ** (2 / 3), "k/R²", 1e-3),
        "mean dose": (3.0, "k/R²", 5e-3),
    }
    return [
        Check(
            f"{name} of an inverse-square source",
            INDICES_GROUP,
            f"{name}, 1/r² source at the centre of a sphere",
            unit,
            float(values[name]),
            0.0,
            float(reference),
            source,
            tolerance * float(reference),
            "voxels of 0.035 cm cut at random by the sphere and by isodoses",
        )
        for name, (reference, unit, tolerance) in expected.items()
    ]
