"""TG-43 parameters of a seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import xarray as xr

from mcsim.physics_settings import DEFAULT_PHYSICS, PhysicsSettings
from validation.interface.results import CHARACTERISATION, labelled, threads_of
from validation.progress import Reporter
from validation.studies import characterise as study


def characterise(
    seed: str | Path,
    *,
    histories: int = study.DEFAULT_HISTORIES,
    uncertainty: float = 0.0,
    spectrum: str = "",
    active_length: float = 0.0,
    physics: PhysicsSettings = DEFAULT_PHYSICS,
    random_seed: int = 1,
    threads: int = 0,
    progress: bool | Callable[[int, float], None] = False,
) -> xr.Dataset:
    """Check a seed and compute its TG-43 parameters by Monte Carlo, as ``seedmc characterise`` does.

    Parameters
    ----------
    seed : str or path
        Packaged seed model, alias, or seed file.
    histories : int
        Photons to emit (at most, with `uncertainty`), rounded up to a multiple of 250,000.
    uncertainty : float
        Stop at this relative type A uncertainty of the dose-rate constant, such as 0.005; 0: all histories.
    spectrum : str
        Packaged photon spectrum; empty for the seed's own.
    active_length : float
        Length of the line source of g_L and F, cm; 0: the seed's own.
    physics : PhysicsSettings
        Cut-off, coherent and incoherent scattering, fluorescence.
    random_seed : int
        The same one gives the same numbers, bit for bit.
    threads : int
        0: one per core. The result does not depend on it.
    progress : bool or callable
        True prints how far it is; a function is called with the histories done and the relative uncertainty of Λ.

    Returns
    -------
    xarray.Dataset
        S_K per photon, Λ, g_L, g_P, F, φ_an, along-away table, spectrum and fluorescence, each with its type A standard
        uncertainty ``<name>_std_dev``. ``.seedmc.tg43_table()`` makes a table of it for `tg43_dose`.

    Raises
    ------
    InvalidInput
        The seed is unknown or its solids do not make one, or a number is out of range.

    Examples
    --------
    >>> from validation import characterise
    >>> seed = characterise("6711", histories=250_000)
    >>> seed.dose_rate_constant.units, seed.sizes["chamber"]
    ('cGy h-1 U-1', 2)
    """
    with Reporter(quiet=progress is not True) as report:

        def told(done: int, reached: float) -> None:
            share = max(done / histories, (uncertainty / reached) ** 2 if reached > 0.0 else 0.0)
            report.step(
                "characterisation", min(share, 1.0), f"{done:.3g} histories, Λ to {100 * reached:.2f} %"
            )

        found = study.characterise(
            str(seed),
            histories,
            spectrum=spectrum,
            threads=threads_of(threads),
            run_seed=random_seed,
            physics=physics,
            uncertainty=uncertainty,
            active_length=active_length,
            progress=told if progress is True else progress or None,
        )
    return labelled(found, CHARACTERISATION)
