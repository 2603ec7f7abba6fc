"""Dose rate of an implant in water by superposition of TG-43 seeds."""

from __future__ import annotations

from numpy.typing import ArrayLike

from tg43 import fast_kernel
from tg43 import formalism as exact_formalism
from tg43.array_checks import (
    FloatArray,
    checked_seeds,
    finite_array,
    one_of,
    require_axes,
    require_threads,
)
from tg43.formalism import FORMALISMS
from tg43.source_data import SourceData

METHODS = ("exact", "fast")


def dose_rate(
    points: ArrayLike,
    positions: ArrayLike,
    axes: ArrayLike | None,
    air_kerma_strengths: ArrayLike,
    source: SourceData,
    *,
    method: str = "exact",
    formalism: str = "line",
    threads: int = 1,
) -> FloatArray:
    """Return the TG-43 dose rate to water in water, summed over seeds.

    Ḋ = Σ S_K Λ G_L(r, θ) / G_L(r₀, θ₀) g_L(r) F(r, θ) in the line formalism, with φ_an(r) and θ₀ in place of
    F(r, θ) and θ in the point formalism. Seeds do not shield one another. Inside a seed's capsule, where the
    formalism is not defined, that seed counts with the value at its wall.

    Parameters
    ----------
    points : array_like, shape (m, 3)
        Where the dose rate is wanted, cm.
    positions : array_like, shape (n, 3)
        Middles of the seeds, cm.
    axes : array_like, shape (n, 3), or None
        Unit vectors along the seeds' long axes; None only with the point formalism, which does not use them.
    air_kerma_strengths : array_like, shape (n,)
        S_K in U = cGy cm² h⁻¹.
    source : SourceData
        Seed model, the same for all seeds.
    method : {"exact", "fast"}
        ``exact`` evaluates the formalism itself; ``fast`` looks it up in tables, some thirty times as quickly,
        and deviates by less than 0.01 % outside the capsules (for a table whose distances or angles lie on
        none of the steps of `tg43.fast_tables`: by less than 0.1 % from 1 mm off the capsule on).
    formalism : {"line", "point"}
        2D line or 1D point formalism.
    threads : int
        Threads of the fast method; the result does not depend on it.

    Returns
    -------
    ndarray, shape (m,)
        Dose rate in Gy/h.

    Raises
    ------
    InvalidInput
        On a wrong shape, values that are not finite, axes that are not unit vectors, negative strengths or an
        unknown name.

    References
    ----------
    TG-43U1: Rivard et al., Med. Phys. 31 (2004) 633-674, doi:10.1118/1.1646040.

    Examples
    --------
    >>> from tg43 import load_source
    >>> seed = load_source("6711")
    >>> dose_rate([[1, 0, 0], [0, 0, 1]], [[0, 0, 0]], [[0, 0, 1]], [1.0], seed).round(5)
    array([0.00965, 0.00368])
    """
    one_of("method", method, METHODS, "the dose rate is exact or tabulated")
    one_of("formalism", formalism, FORMALISMS, "TG-43 has a 2D line and a 1D point formalism")
    require_axes(axes, formalism)
    require_threads(threads)
    points = finite_array("points", points, ("m", 3), "cm")
    seeds = checked_seeds(positions, axes, air_kerma_strengths)
    if method == "fast":
        return fast_kernel.superpose(points, seeds, source, formalism, threads)
    return exact_formalism.superpose(points, seeds, source, formalism)
