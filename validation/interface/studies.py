"""Ensemble studies: displaced seeds, edema, shrinkage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import xarray as xr

from tg43 import SourceData
from validation.case import Case
from validation.interface.results import STUDY, labelled, threads_of
from validation.progress import Reporter
from validation.studies.study_file import Study
from validation.studies.study_members import new_settings
from validation.studies.study_run import STUDY_FILE, Size, run_study
from validation.studies.study_settings import CM_PER_MM, Kind
from validation.studies.tg43_dose import find_source

DEFAULT_SIZE = Size()


def displacement_study(
    case: Case,
    *,
    sigma: float | Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5),
    edema: float | Sequence[float] = 0.0,
    members: int = DEFAULT_SIZE.members,
    monte_carlo: int = DEFAULT_SIZE.monte_carlo,
    cpu_budget: float = DEFAULT_SIZE.cpu_budget,
    sobol: int = DEFAULT_SIZE.sobol,
    voxel: float = 0.1,
    source_data: SourceData | str | Path | None = None,
    random_seed: int = 1,
    threads: int = 0,
    folder: str | Path | None = None,
    progress: bool = False,
    **others: Any,
) -> xr.Dataset:
    """What becomes of dose indices when seeds are displaced, as ``seedmc study displacement`` finds it.

    Every seed of a member moves by a normally distributed vector of standard deviation σ along x, y and z. Many members
    are computed by TG-43, the first of them by Monte Carlo as well; with TG-43 as control variate the mean over the few
    is nearly as good as over the many.

    Parameters
    ----------
    case : Case
        The plan.
    sigma : float or sequence of float
        Standard deviation of every seed along x, y and z, cm; each is a scenario.
    edema : float or sequence of float
        Relative swelling at implantation, combined with every `sigma`.
    members : int
        TG-43 members.
    monte_carlo : int
        Monte Carlo members, the first of them; 0: TG-43 alone.
    cpu_budget : float
        CPU seconds shared best among both after a pilot, in place of these numbers; 0: the numbers.
    sobol : int
        Base samples of the Sobol' indices, a power of 2; 0: none.
    voxel : float
        Edge of the voxels, cm.
    source_data : SourceData, path or str, optional
        TG-43 table in place of the packaged one.
    random_seed : int
        Of the Monte Carlo; the displacements have ``study_seed``.
    threads : int
        0: one per core. Nothing depends on it.
    folder : path, optional
        Where the members are kept: an interrupted study goes on.
    progress : bool
        Print how far it is.
    **others
        Further settings by the names, units and defaults of
        `validation.studies.study_settings.StudySettings`, such as ``needle_along_mm``, ``loss``, ``histories``,
        ``structures``, ``study_seed``.

    Returns
    -------
    xarray.Dataset
        Indices of all members and scenarios; the first scenario is the plan. ``.seedmc.summary`` has their means,
        spreads and uncertainties, ``.seedmc.plot_index()`` draws one.

    Raises
    ------
    InvalidInput
        A value cannot be used, a setting is not known, or the folder has another study.

    Examples
    --------
    >>> from validation import Case, displacement_study
    >>> study = displacement_study(
    ...     Case.read("neck"), sigma=0.3, members=20, monte_carlo=0, sobol=0, voxel=0.4, tissue_histories=0
    ... )
    >>> study.scenario.values.tolist()
    ['plan', 'σ 3 mm']
    """
    return _study(
        "displacement", case, {"sigma_mm": _millimetres(sigma), "edema": _several(edema), **others},
        Size(members, monte_carlo, cpu_budget, sobol), voxel, source_data, random_seed, threads, folder, progress,
    )  # fmt: skip


def edema_study(
    case: Case,
    *,
    edema: float | Sequence[float] = (0.0, 0.2, 0.4, 0.6),
    edema_half_life: float = 10.0,
    sigma: float | Sequence[float] = 0.0,
    members: int = DEFAULT_SIZE.members,
    monte_carlo: int = DEFAULT_SIZE.monte_carlo,
    cpu_budget: float = DEFAULT_SIZE.cpu_budget,
    sobol: int = DEFAULT_SIZE.sobol,
    voxel: float = 0.1,
    source_data: SourceData | str | Path | None = None,
    random_seed: int = 1,
    threads: int = 0,
    folder: str | Path | None = None,
    progress: bool = False,
    **others: Any,
) -> xr.Dataset:
    """What becomes of dose indices when edema resolves while the seeds decay, as ``seedmc study edema`` finds it.

    The volume of the target is V(t) = V₀ (1 + M e^{−t ln 2 / T}); tissue and seeds are carried along, and dose is
    summed per tissue element.

    Parameters
    ----------
    case : Case
        The plan.
    edema : float or sequence of float
        M, relative swelling at implantation; each is a scenario.
    edema_half_life : float
        T, days.
    sigma : float or sequence of float
        Standard deviation of every seed along x, y and z, cm, combined with every `edema`.
    members, monte_carlo, cpu_budget, sobol, voxel, source_data, random_seed, threads, folder, progress, **others
        As in `displacement_study`.

    Returns
    -------
    xarray.Dataset
        As of `displacement_study`.

    Raises
    ------
    InvalidInput
        A value cannot be used, a setting is not known, or the folder has another study.

    Examples
    --------
    >>> from validation import Case, edema_study
    >>> study = edema_study(
    ...     Case.read("neck"), edema=0.5, members=2, monte_carlo=0, sobol=0, voxel=0.4, tissue_histories=0
    ... )
    >>> study.edema.values.tolist()
    [0.0, 0.5]
    """
    varied = {"edema": _several(edema), "sigma_mm": _millimetres(sigma), "edema_half_life_d": edema_half_life}
    return _study(
        "edema", case, {**varied, **others},
        Size(members, monte_carlo, cpu_budget, sobol), voxel, source_data, random_seed, threads, folder, progress,
    )  # fmt: skip


def shrinkage_study(
    case: Case,
    *,
    rate: float | Sequence[float] | None = None,
    volumes: Sequence[float] = (),
    days: Sequence[float] = (),
    sigma: float | Sequence[float] = 0.0,
    members: int = DEFAULT_SIZE.members,
    monte_carlo: int = DEFAULT_SIZE.monte_carlo,
    cpu_budget: float = DEFAULT_SIZE.cpu_budget,
    sobol: int = DEFAULT_SIZE.sobol,
    voxel: float = 0.1,
    source_data: SourceData | str | Path | None = None,
    random_seed: int = 1,
    threads: int = 0,
    folder: str | Path | None = None,
    progress: bool = False,
    **others: Any,
) -> xr.Dataset:
    """What becomes of dose indices when the target shrinks, as ``seedmc study shrinkage`` finds it.

    Parameters
    ----------
    case : Case
        The plan.
    rate : float or sequence of float, optional
        Rate at which the target shrinks, 1/d; each is a scenario. 0.005, 0.01 and 0.02 without measured volumes.
    volumes, days : sequence of float
        Measured volumes of the target, cm³, and their days after implantation, from 0.
    sigma : float or sequence of float
        Standard deviation of every seed along x, y and z, cm, combined with every `rate`.
    members, monte_carlo, cpu_budget, sobol, voxel, source_data, random_seed, threads, folder, progress, **others
        As in `displacement_study`.

    Returns
    -------
    xarray.Dataset
        As of `displacement_study`.

    Raises
    ------
    InvalidInput
        A value cannot be used, a setting is not known, or the folder has another study.

    Examples
    --------
    >>> from validation import Case, shrinkage_study
    >>> study = shrinkage_study(
    ...     Case.read("neck"), rate=0.01, members=2, monte_carlo=0, sobol=0, voxel=0.4, tissue_histories=0
    ... )
    >>> study.shrinkage.values.tolist()
    [0.0, 0.01]
    """
    if rate is None:
        rate = 0.0 if len(volumes) else (0.005, 0.01, 0.02)
    varied = {
        "shrinkage_per_d": _several(rate), "volumes_cm3": _several(volumes), "volume_days": _several(days),
        "sigma_mm": _millimetres(sigma),
    }  # fmt: skip
    return _study(
        "shrinkage", case, {**varied, **others},
        Size(members, monte_carlo, cpu_budget, sobol), voxel, source_data, random_seed, threads, folder, progress,
    )  # fmt: skip


def _several(values: float | Sequence[float]) -> tuple[float, ...]:
    return (float(values),) if isinstance(values, int | float) else tuple(float(v) for v in values)


def _millimetres(values: float | Sequence[float]) -> tuple[float, ...]:
    # As given to the command: 0.3 cm / 0.1 is not 3, and settings with another last digit are other settings.
    return tuple(round(v / CM_PER_MM, 9) for v in _several(values))


def _study(
    kind: Kind, case: Case, values: dict[str, Any], size: Size, voxel: float,
    source_data: SourceData | str | Path | None, random_seed: int, threads: int, folder: str | Path | None,
    progress: bool,
) -> xr.Dataset:  # fmt: skip
    source = find_source(case.implant, source_data)
    (voxel_mm,) = _millimetres(voxel)
    values = {"voxel_mm": voxel_mm, "run_seed": random_seed, **values}
    settings = new_settings(case, source, kind=kind, **values)
    with TemporaryDirectory() as temporary, Reporter(quiet=not progress) as report:
        place = Path(temporary if folder is None else folder)
        run_study(
            case, settings, place, size, source, threads_of(threads), report.say, report.step, report.phase_space
        )  # fmt: skip
        return labelled(Study.read(place / STUDY_FILE).data, STUDY)
