"""TG-43 quantities of one seed from its tallies, and their type A uncertainties by the jackknife."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mcsim.characterisation import SeedTally
from mcsim.phase_space import KEV_PER_GRAM_IN_GRAY, WAFAC_HALF_ANGLE
from mcsim.physics_settings import PhysicsSettings
from mcsim.seed_model import SeedModel
from validation.studies.characterise_lines import fluorescence_groups, strength_per_photon
from validation.studies.characterise_points import ALONG, RADII, CellFactors

FloatArray = NDArray[np.float64]
Quantities = dict[str, FloatArray]

REFERENCE = int(np.flatnonzero(RADII == 1.0)[0])


@dataclass(frozen=True, eq=False)
class Estimate:
    """Values and their type A standard uncertainties, by name.

    Attributes
    ----------
    value, std_dev : dict of str to ndarray
        One entry for each quantity, of one shape in both.
    """

    value: Quantities
    std_dev: Quantities


def jackknife(groups: Sequence[FloatArray], function: Callable[..., Quantities]) -> Estimate:
    """Functions of means, with the uncertainty that the spread of the groups gives them.

    With T the mean of n groups and T₍₋ᵢ₎ the mean without group i,

        u²(f) = (n − 1)/n · Σᵢ (f(T₍₋ᵢ₎) − f̄)²,

    which keeps the correlation between numerator and denominator of a ratio (Efron and Stein, Ann. Statist. 9 (1981)
    586, doi:10.1214/aos/1176345462).

    Parameters
    ----------
    groups : sequence of ndarray, each (n, ...)
        Means of independent groups of equal size; the function's arguments.
    function : callable
        From one array for each of `groups`, without its first axis, to named quantities.

    Returns
    -------
    Estimate

    Examples
    --------
    >>> sample = np.random.default_rng(1).normal(10.0, 1.0, 400)
    >>> estimate = jackknife([sample], lambda mean: {"mean": mean})
    >>> bool(np.isclose(estimate.std_dev["mean"], sample.std(ddof=1) / 20.0))
    True
    """
    count = len(groups[0])
    means = [group.mean(axis=0) for group in groups]
    value = function(*means)
    parts = [
        function(*((count * m - g[i]) / (count - 1) for m, g in zip(means, groups, strict=True)))
        for i in range(count)
    ]
    return Estimate(
        value,
        {name: np.sqrt((count - 1) * np.var([part[name] for part in parts], axis=0)) for name in value},
    )


def estimate(tally: SeedTally, seed: SeedModel, factors: CellFactors, physics: PhysicsSettings) -> Estimate:
    """All quantities of a seed with their uncertainties.

    Parameters
    ----------
    tally : SeedTally
        From `mcsim.characterisation` on the cells of `characterisation_cells`.
    seed : SeedModel
        The seed.
    factors : CellFactors
        Of the same cells and the seed.
    physics : PhysicsSettings
        Of the simulation.

    Returns
    -------
    Estimate
        The names and units are those of `dosimetric_quantities` and `leaving_quantities`.
    """
    dose = jackknife(
        [tally.shell_dose, tally.ring_dose, tally.air_kerma_strength],
        partial(dosimetric_quantities, factors=factors, mirror_symmetric=seed.mirror_symmetric),
    )
    leaving = jackknife(
        [tally.air_kerma_strength, tally.photons, tally.energy, tally.spectrum, tally.lines],
        partial(
            leaving_quantities,
            fluorescence=fluorescence_groups(seed, tally.line_energy)[1],
            kerma=strength_per_photon(tally.line_energy, physics),
        ),
    )
    return Estimate({**dose.value, **leaving.value}, {**dose.std_dev, **leaving.std_dev})


def dosimetric_quantities(
    shell_dose: FloatArray,
    ring_dose: FloatArray,
    air_kerma_strength: FloatArray,
    *,
    factors: CellFactors,
    mirror_symmetric: bool,
) -> Quantities:
    """TG-43 quantities from mean tallies (TG-43U1, doi:10.1118/1.1646040).

    With D(r, θ) the dose per history, brought from the cell about (r, θ) to the point, and S_K the air-kerma strength
    per history,

        Λ = D(1 cm, 90°)/S_K,                              g_X(r) = D(r, 90°)/D(1 cm, 90°) · G_X(1 cm, 90°)/G_X(r, 90°),
        F(r, θ) = D(r, θ)/D(r, 90°) · G_L(r, 90°)/G_L(r, θ),    φ_an(r) = ∫₀^π D(r, θ) sin θ dθ / (2 D(r, 90°)).

    Parameters
    ----------
    shell_dose : ndarray, shape (k, bins)
        Gy per history.
    ring_dose : ndarray, shape (m, h)
        Gy per history.
    air_kerma_strength : ndarray, shape (2,)
        WAFAC and point, Gy cm² per history.
    factors : CellFactors
        From means over cells to points.
    mirror_symmetric : bool
        The along-away table is the mean of both halves; F is so already, by the cells.

    Returns
    -------
    dict of str to ndarray
        Dose-rate constants and the along-away table in cGy h⁻¹ U⁻¹; the others have no unit. The folded F is the mean
        of both halves, here and not later: both are divided by the same D(r, 90°), so their errors are correlated.
    """
    mass = shell_dose * factors.volumes
    point = (mass @ factors.weights.T) / (factors.volumes @ factors.weights.T) * factors.at_points
    transverse = int(np.flatnonzero(factors.theta == 90.0)[0])
    equator, reference = point[:, transverse], point[REFERENCE, transverse]
    geometry = factors.geometry
    sphere = (mass * factors.at_radius).sum(axis=1) / factors.volumes.sum(axis=1)
    # Gy per history over Gy cm² per history is cGy h⁻¹ U⁻¹, since 1 U = 1 cGy cm² h⁻¹
    return {
        "air_kerma_strength_per_history": air_kerma_strength,
        "dose_rate_constant": reference / air_kerma_strength,
        "radial_dose_function_line": equator / reference / geometry[:, transverse],
        "radial_dose_function_point": equator / reference * RADII**2,
        "anisotropy_function": point / equator[:, None] * geometry[:, [transverse]] / geometry,
        "folded_anisotropy_function": _folded(point, mirror_symmetric, transverse)
        / equator[:, None]
        * geometry[:, [transverse]]
        / geometry[:, : transverse + 1],
        "anisotropy_1d": sphere / equator,
        "along_away_dose_rate": _along_away(ring_dose, point, factors, mirror_symmetric)
        / air_kerma_strength[0],
    }


def leaving_quantities(
    air_kerma_strength: FloatArray,
    photons: FloatArray,
    energy: FloatArray,
    spectrum: FloatArray,
    lines: FloatArray,
    *,
    fluorescence: FloatArray,
    kerma: FloatArray,
) -> Quantities:
    """What leaves the seed, from mean tallies.

    Parameters
    ----------
    air_kerma_strength : ndarray, shape (2,)
        WAFAC and point, Gy cm² per history.
    photons, energy : ndarray, shape (2,)
        Photons above 5 keV per history and their energy, keV: all, and in the aperture.
    spectrum, lines : ndarray, shape (2, bins), (2, lines)
        Photons per history: all, and in the aperture.
    fluorescence : ndarray, shape (groups, lines)
        Which fluorescence lines belong together.
    kerma : ndarray, shape (lines,)
        E µ_en/ρ of each line in dry air, keV cm²/g.

    Returns
    -------
    dict of str to ndarray
        Photons per history, energies in keV, shares of the air-kerma strength (WAFAC).
    """
    to_strength = KEV_PER_GRAM_IN_GRAY / (2.0 * np.pi * (1.0 - np.cos(WAFAC_HALF_ANGLE)))
    return {
        "photons_per_history": photons,
        "mean_energy": energy / photons,
        "spectrum": spectrum[0],
        "spectrum_in_aperture": spectrum[1],
        "line_photons": lines[0],
        "line_photons_in_aperture": lines[1],
        "fluorescence_photons": fluorescence @ lines[0],
        "fluorescence_share_of_strength": fluorescence
        @ (lines[1] * kerma)
        * to_strength
        / air_kerma_strength[0],
    }


def _folded(point: FloatArray, mirror_symmetric: bool, transverse: int) -> FloatArray:
    """Dose per history from 0 to 90 degrees: the mean of both halves."""
    upper = point[:, : transverse + 1]
    return upper if mirror_symmetric else 0.5 * (upper + point[:, : transverse - 1 : -1])


def _along_away(
    ring_dose: FloatArray, point: FloatArray, factors: CellFactors, mirror_symmetric: bool
) -> FloatArray:
    """Dose per history at (away, along); on the axis from the cones of the shells."""
    off_axis = ring_dose * factors.at_ring_points
    at = [int(np.flatnonzero(z == RADII)[0]) for z in ALONG[1:]]
    middle = len(ALONG) - 1
    up = point[at, 0]
    if mirror_symmetric:
        both = 0.5 * (off_axis[:, middle:] + off_axis[:, middle::-1])
        return np.vstack([np.concatenate([[np.nan], up]), both])
    down = point[at, -1]
    return np.vstack([np.concatenate([down[::-1], [np.nan], up]), off_axis])


def along_coordinate(mirror_symmetric: bool) -> FloatArray:
    """Heights of the along-away table, cm.

    Examples
    --------
    >>> along_coordinate(True)[0].item(), along_coordinate(False)[0].item()
    (0.0, -7.0)
    """
    return ALONG if mirror_symmetric else np.concatenate([-ALONG[:0:-1], ALONG])
