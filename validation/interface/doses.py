"""Doses of a case: by Monte Carlo and by TG-43."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import xarray as xr

from mcsim.invalid_input import InvalidInput
from mcsim.physics_settings import DEFAULT_PHYSICS, PhysicsSettings
from mcsim.simulation_settings import Progress, StoppingRule
from tg43 import SourceData
from validation.case import Case
from validation.interface.results import TG43, labelled, monte_carlo_result, threads_of
from validation.progress import Reporter
from validation.studies import monte_carlo
from validation.studies import tg43_dose as tg43_study
from validation.studies.media_settings import MediaSettings, read_media_settings

DEFAULT = monte_carlo.MonteCarloOptions()
DEFAULT_UNCERTAINTY = 0.02
DEFAULT_CURVE = "neck"


def monte_carlo_dose(
    case: Case,
    *,
    uncertainty: float | None = None,
    histories: int = 0,
    max_time: float = 0.0,
    voxel: float = DEFAULT.voxel,
    seeds: Literal["interseed", "superposition"] = "interseed",
    media: Literal["patient", "water_body", "water"] = "patient",
    beyond: Literal["continue", "water", "vacuum"] = "continue",
    beyond_distance: float = DEFAULT.beyond_distance,
    hounsfield_curve: str = DEFAULT_CURVE,
    medium_of: Mapping[str, str] | None = None,
    tissues: MediaSettings | None = None,
    physics: PhysicsSettings = DEFAULT_PHYSICS,
    spectrum: str = "",
    variance_reduction: Literal["correlated", "none"] | None = None,
    difference: bool = DEFAULT.difference,
    spectra: bool = DEFAULT.spectra,
    per_seed: bool = DEFAULT.per_seed,
    analogue: bool = DEFAULT.analogue,
    random_seed: int = DEFAULT.run_seed,
    threads: int = 0,
    file: str | Path | None = None,
    progress: bool | Callable[[Progress], None] = False,
) -> xr.Dataset:
    r"""Monte Carlo dose of a case, as ``seedmc simulate`` calculates it.

    Photons of 1–40 keV are followed through the patient and all seeds, and score collision kerma by track length,

    .. math:: D = \frac{1}{V} \sum_i E_i\, \ell_i\, \frac{\mu_\mathrm{en}(E_i)}{\rho},

    to the voxel's own medium; electrons stop where they start. The result is scaled to the seeds' air-kerma
    strengths and to full decay.

    Parameters
    ----------
    case : Case
        Patient and seeds.
    uncertainty : float, optional
        Stop at this mean relative type A uncertainty over the target's voxels; 0.02 (2 %) unless `histories` or
        `max_time` is given. The first condition met counts.
    histories : int
        Stop at this number of emitted photons; 0: no limit.
    max_time : float
        Stop after this time, s; 0: no limit. The only rule that does not repeat exactly.
    voxel : float
        Edge of the scoring voxels, cm.
    seeds : {"interseed", "superposition"}
        All seeds are solid, or only the one that emits.
    media : {"patient", "water_body", "water"}
        From the CT; water inside BODY; water everywhere.
    beyond : {"continue", "water", "vacuum"}
        What lies beyond the image: its edge voxels go on, water, or nothing.
    beyond_distance : float
        How far that reaches from the nearest seed, cm.
    hounsfield_curve : str
        CT numbers to density and media: ``"neck"``, ``"thorax"``, ``"schneider2000"``, or a file.
    medium_of : mapping of str to str, optional
        Medium of structures, such as ``{"THYROID": "thyroid"}``; where they overlap the first counts.
    tissues : MediaSettings, optional
        All of this and streaks and calcification, in place of `hounsfield_curve`.
    physics : PhysicsSettings
        Cut-off, coherent and incoherent scattering, fluorescence.
    spectrum : str
        Photons per decay; empty for the seed model's own.
    variance_reduction : {"correlated", "none"}, optional
        Correlated sampling, which is the default, or plain transport.
    difference : bool
        Keep the dose of the seeds one by one in infinite water too, and what differs from it.
    spectra : bool
        Energy-fluence spectrum of every structure and medium.
    per_seed : bool
        The dose of every seed apart as well.
    analogue : bool
        The dose also from the energy that interactions leave.
    random_seed : int
        The same one gives the same numbers, bit for bit.
    threads : int
        0: one per core. The dose does not depend on it.
    file : path, optional
        Result file (``seedmc-monte-carlo``) to keep: an interrupted run goes on, and the commands read it.
    progress : bool or callable
        True prints how far it is; a function is called after every batch with histories, uncertainty and time.

    Returns
    -------
    xarray.Dataset
        ``dose``, ``dose_std_dev``, ``dose_to_water``, ``primary_dose`` [Gy], ``tissue_fraction``, ``medium``,
        ``density`` [g cm⁻³] and ``hu`` over (x, y, z) [cm], LPS; the doses of groups of batches; settings, digests,
        histories and times as attributes.

    Raises
    ------
    InvalidInput
        A choice is not known, or the options contradict each other or the case.

    Notes
    -----
    A voxel that a seed partly fills counts with its tissue part. Type A uncertainties are statistical and for one
    standard deviation (k = 1). For dose to tissue see TG-186 (doi:10.1118/1.4747264).

    Examples
    --------
    >>> from validation import Case, monte_carlo_dose
    >>> dose = monte_carlo_dose(Case.read("neck"), voxel=0.4, uncertainty=0.05)
    >>> dose.dose.dims, dose.dose.units
    (('x', 'y', 'z'), 'Gy')
    """
    options = monte_carlo.MonteCarloOptions(
        seeds=seeds,
        media=media,
        voxel=voxel,
        beyond=beyond,
        beyond_distance=beyond_distance,
        tissues=_tissues(media, hounsfield_curve, medium_of, tissues),
        spectrum=spectrum,
        physics=physics,
        run_seed=random_seed,
        threads=threads_of(threads),
        spectra=spectra,
        per_seed=per_seed,
        analogue=analogue,
        variance_reduction=variance_reduction or "",
        difference=difference,
    )
    rule = _rule(uncertainty, histories, max_time)
    with TemporaryDirectory() as folder, Reporter(quiet=progress is not True) as report:
        path = Path(folder) / "monte_carlo.h5" if file is None else Path(file)
        told = report.simulation if progress is True else progress or None
        monte_carlo.monte_carlo_dose(case, options, rule, path, told, report.phase_space)
        return monte_carlo_result(path, case, options.threads)


def _rule(uncertainty: float | None, histories: int, max_time: float) -> StoppingRule:
    if uncertainty is None:
        uncertainty = 0.0 if histories or max_time else DEFAULT_UNCERTAINTY
    if not 0.0 <= uncertainty < 1.0:
        raise InvalidInput(
            f"uncertainty is {uncertainty:g}, expected 0 to below 1 (it is relative: 0.02 is 2 %). Correct it."
        )
    if not max_time >= 0.0:
        raise InvalidInput(f"max_time is {max_time:g} s, expected 0 s or more. Correct it.")
    if not (uncertainty or histories or max_time):
        raise InvalidInput(
            "uncertainty is 0, expected more than 0 without another limit (the simulation would never end). Give "
            "uncertainty, histories or max_time."
        )
    return StoppingRule(
        uncertainty=uncertainty, histories=histories, time_s=max_time if max_time > 0.0 else float("inf")
    )


def _tissues(
    media: str, curve: str, medium_of: Mapping[str, str] | None, tissues: MediaSettings | None
) -> MediaSettings:
    given = {"hounsfield_curve": curve != DEFAULT_CURVE, "medium_of": bool(medium_of)}
    named = [name for name, there in given.items() if there]
    if tissues is not None and named:
        raise InvalidInput(
            f"{' and '.join(named)} is given beside tissues, expected one of them (tissues say both). Leave one out."
        )
    if media != "patient" and (named or tissues is not None):
        raise InvalidInput(
            f"media is {media!r}, on which {', '.join(named or ['tissues'])} has no effect, expected 'patient'. "
            f"Leave it out or use media='patient'."
        )
    if tissues is not None:
        return tissues
    return read_media_settings(curve).with_medium_of([f"{s}={m}" for s, m in (medium_of or {}).items()])


def tg43_dose(
    case: Case, *, voxel: float = DEFAULT.voxel, source_data: SourceData | str | Path | None = None
) -> xr.Dataset:
    r"""TG-43 dose of a case, as ``seedmc tg43`` calculates it.

    Water everywhere, seeds superposed without shadowing: with the two-dimensional (line-source) formalism

    .. math:: D = \frac{T_{1/2}}{\ln 2} \sum_s S_{K,s}\, \Lambda\, \frac{G_L(r_s, \theta_s)}{G_L(r_0, \theta_0)}\,
              g_L(r_s)\, F(r_s, \theta_s),

    averaged over each voxel's tissue part, for Monte Carlo gives voxel means (TG-43U1, doi:10.1118/1.1646040).

    Parameters
    ----------
    case : Case
        Seeds and grid.
    voxel : float
        Edge of the voxels, cm.
    source_data : SourceData, path or str, optional
        TG-43 table in place of the packaged one of the seed model: a table, its file (such as the ``tg43.json`` of
        ``seedmc characterise``), or ``"mc:NAME"`` for the project's own.

    Returns
    -------
    xarray.Dataset
        ``dose`` [Gy], to full decay, and ``tissue_fraction`` over (x, y, z) [cm], LPS; the table and settings as
        attributes.

    Raises
    ------
    InvalidInput
        The voxel size is out of range, there is no table for the seeds, or its half-life is not theirs.

    Examples
    --------
    >>> from validation import Case, tg43_dose
    >>> dose = tg43_dose(Case.read("neck"), voxel=0.4)
    >>> dose.dose.units, dose.attrs["source"]
    ('Gy', 'OncoSeed 6711')
    """
    table = tg43_study.find_source(case.implant, source_data)
    return labelled(tg43_study.tg43_dose(case, voxel, table), TG43)
