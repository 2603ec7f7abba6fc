"""What a file or folder holds, in one screen: a describer for each file type."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mcsim.hounsfield import PACKAGED_CURVES, packaged_curve
from mcsim.invalid_input import InvalidInput
from mcsim.materials import material, material_library
from mcsim.medium_tables import mass_energy_absorption
from mcsim.result import Result
from mcsim.result_file import read_result
from mcsim.seed_model import load_seed_model, seed_model_names
from validation.case.built_in_cases import NAMES
from validation.case.case_source import CaseChoice, read_case
from validation.evaluate.difference_to_water import difference_to_water
from validation.report.settings_text import technique_rows
from validation.studies.budget_dataset import CaseBudget
from validation.studies.compare import Comparison
from validation.studies.inspect_case import describe_case
from validation.studies.inspect_other_files import describe_other_file
from validation.studies.inspect_section import Section, facts
from validation.studies.media_settings import FILE_FORMAT, MediaSettings, read_media_settings
from validation.studies.monte_carlo import MonteCarloOptions
from validation.studies.tg43_dose import read_tg43_dose

_LONGEST_TEXT = 100
_REFERENCE_KEV = 28.0  # mean energy of the photons of I-125
# Settings told elsewhere, or too long for one line.
_NOT_IN_LINES = {"media", "media_settings", "hounsfield_curve", "techniques"}


def describe(source: str, choice: CaseChoice, options: MonteCarloOptions) -> list[Section]:
    """Sections on a case file, DICOM folder, built-in case, result file, curve file, or one of another program.

    Parameters
    ----------
    source : str
        Path, or name of a built-in case.
    choice : CaseChoice
        Which series, plan and structures of a DICOM folder.
    options : MonteCarloOptions
        Settings of the phantom of a case.

    Returns
    -------
    list of Section

    Raises
    ------
    InvalidInput
        It is none of these, or cannot be read.
    """
    path = Path(source)
    if path.is_dir() or (source in NAMES and not path.exists()):
        return describe_case(read_case(source, choice), options)
    if not path.is_file():
        raise InvalidInput(
            f"input is {source!r}, expected a file, a DICOM folder or a built-in case ({', '.join(NAMES)}). "
            f"Check the path."
        )
    if not h5py.is_hdf5(path):
        return describe_other_file(path) or _describe_text(path)
    with h5py.File(path) as file:
        filetype = str(file.attrs.get("filetype", ""))
    if filetype == "seedmc-case":
        return [_file_facts(path), *describe_case(read_case(source, choice), options)]
    return [_file_facts(path), *DESCRIBERS.get(filetype, _describe_hdf5)(path)]


def _file_facts(path: Path) -> Section:
    with h5py.File(path) as file:
        known = ("filetype", "format_version", "created_by", "case_digest", "settings_digest", "digest")
        pairs = [(key.replace("_", " "), str(file.attrs[key])) for key in known if key in file.attrs]
    return facts("File", [("path", path.name), ("size", f"{path.stat().st_size / 1e6:.2f} MB"), *pairs])


def _describe_text(path: Path) -> list[Section]:
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        entry = None
    if not (isinstance(entry, dict) and entry.get("format") == FILE_FORMAT):
        raise InvalidInput(
            f"file {path} is neither HDF5 nor a CT curve, expected a file of this program, an RTDOSE, .3ddose, "
            f".egsphant or mask, a DICOM folder or a built-in case. Give another file."
        )
    return describe_tissues(read_media_settings(str(path)))


def _describe_monte_carlo(path: Path) -> list[Section]:
    result, _ = read_result(path)
    dose, std_dev = result.dose(), result.dose_std_dev()
    high = dose > 0.5 * np.nanmax(dose) if np.isfinite(dose).any() else np.zeros(dose.shape, bool)
    relative = float(np.nanmean(std_dev[high] / dose[high])) if high.any() else float("nan")
    media = result.settings["media"]
    share = np.bincount(result.medium.ravel(), minlength=len(media)) / result.medium.size
    lines = [(key.replace("_", " "), _short(value)) for key, value in result.settings.items()
             if key not in _NOT_IN_LINES]  # fmt: skip
    curve = result.settings.get("media_settings")
    if isinstance(curve, dict):
        lines.append(("CT curve", str(curve["name"])))
    return [
        facts("Monte Carlo dose", [
            ("grid", _grid(*result.axes)),
            ("histories", f"{result.histories:.4g} in {result.batch_count} batches"),
            ("largest dose of a voxel", f"{np.nanmax(dose):.4g} Gy"),
            ("type A uncertainty above half of it", f"{100 * relative:.2f} %"),
            *([("noise of the water table", f"at most {100 * table:.2f} % of the structures' dose, common to voxels")]
              if (table := result.table_uncertainty()) else []),
            ("media of the grid by volume", ", ".join(
                f"{media[k]} {100 * share[k]:.1f} %" for k in np.argsort(-share, kind="stable") if share[k] >= 0.001)),
            ("wall time", f"{float(result.run_facts.get('wall_time_s', 0.0)):.0f} s"),
        ]),
        facts("Settings", lines),
        facts("Techniques", technique_rows(result.settings)),
        *_difference_to_water(result),
        *_energy_by_fate(result),
    ]  # fmt: skip


def _difference_to_water(result: Result) -> list[Section]:
    """Mean difference by medium, over the voxels of structures: of these the groups of batches are kept."""
    if result.water_superposition is None:
        return []
    voxels = result.group_voxels
    medium = result.medium.ravel()[voxels]
    tissue = result.tissue_fraction.ravel()[voxels] * result.voxel_volume
    std_dev = (result.water_superposition[1] * result.scale.dose_per_history).ravel()[voxels]
    dose, superposition = result.dose().ravel()[voxels], result.difference_to_water()[1].ravel()[voxels]
    batches = result.group_batches()
    groups = result.group_dose() if batches.min() > 0 else None
    rows = []
    for k, name in enumerate(result.settings["media"]):
        here = np.flatnonzero(medium == k)
        found = difference_to_water(
            tissue[here], dose[here], superposition[here], std_dev[here],
            None if groups is None else groups[:, here], batches.astype(np.float64),
        )  # fmt: skip
        if found.known > 0.0:
            volume = tissue[here].sum() * found.known
            values = (volume, found.superposition, found.difference, found.std_dev)
            rows.append((str(name), *(f"{value:.4g}" for value in values)))
    headings = (
        "medium",
        "cm³ with known dose in water",
        "dose in water / Gy",
        "difference / Gy",
        "± type A / Gy",
    )
    return [
        Section("Difference to the seeds one by one in infinite water, in structures", headings, tuple(rows))
    ]


def _energy_by_fate(result: Result) -> list[Section]:
    """Where the energy stayed, known to plain transport only."""
    if result.settings.get("variance_reduction", "none") != "none":
        return []
    balance = result.energy_balance()
    emitted = balance.pop("emitted")
    return [
        facts(
            "Energy emitted", [(fate, f"{100 * energy / emitted:.4g} %") for fate, energy in balance.items()]
        )
    ]


def _describe_tg43(path: Path) -> list[Section]:
    data = read_tg43_dose(path)
    pairs = [("grid", _grid(data.x.values, data.y.values, data.z.values))]
    pairs.append(("largest dose of a voxel", f"{float(data.dose.max()):.4g} Gy"))
    pairs += [(key.replace("_", " "), _short(data.attrs[key])) for key in ("source", "dose_rate_constant", "settings")
              if key in data.attrs]  # fmt: skip
    return [facts("TG-43 dose", pairs)]


def _describe_comparison(path: Path) -> list[Section]:
    data = Comparison.read(path).data
    wanted = (
        "case_name",
        "prescription_dose_gy",
        "prescription_target",
        "seed_model",
        "half_life_d",
        "histories",
    )
    pairs = [(key.replace("_", " "), _short(data.attrs[key])) for key in wanted if key in data.attrs]
    target = str(data.attrs["prescription_target"])
    value = data.index_value.sel(structure=target)
    engines = [str(engine) for engine in value.engine.values]
    rows = tuple(
        (str(index.item()), str(data.index_unit.sel(index=index).item()) if "index_unit" in data else "",
         *(f"{float(value.sel(index=index, engine=engine)):.4g}" for engine in engines))
        for index in value["index"]
    )  # fmt: skip
    headings = ("index", "unit", *(engine.replace("_", " ") for engine in engines))
    return [
        facts("Comparison", [("grid", _grid(data.x.values, data.y.values, data.z.values)), *pairs]),
        Section(f"Indices of {target}", headings, rows),
    ]


def _describe_budget(path: Path) -> list[Section]:
    data = CaseBudget.read(path).data
    target = str(data.attrs["prescription_target"])
    at = data.sel(structure=target)
    indices = [str(index) for index in data["index"].values]
    parts = [
        (str(share), at.share_value.sel(share=share), at.share_std_dev.sel(share=share))
        for share in data.share.values
    ]
    rows = [
        (name, *(f"{float(value.sel(index=i)):+.4g} ± {float(std_dev.sel(index=i)):.2g}" for i in indices))
        for name, value, std_dev in [*parts, ("whole", at.total_value, at.total_std_dev)]
    ]
    return [Section(f"Difference budget of {target}", ("share", *indices), tuple(rows))]


def _describe_hdf5(path: Path) -> list[Section]:
    """Any other file: its root attributes and datasets."""
    with h5py.File(path) as file:
        pairs = [(key, _short(value)) for key, value in file.attrs.items()]
        rows: list[tuple[str, ...]] = []

        def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                shape = " × ".join(str(n) for n in item.shape) or "–"
                unit, about = (_short(item.attrs.get(key, "")) for key in ("units", "description"))
                rows.append((name, shape, str(item.dtype), unit, about))

        file.visititems(note)
    return [
        facts("Attributes", pairs),
        Section("Datasets", ("name", "shape", "type", "unit", "what"), tuple(rows)),
    ]


DESCRIBERS: dict[str, Callable[[Path], list[Section]]] = {
    "seedmc-monte-carlo": _describe_monte_carlo,
    "seedmc-tg43-dose": _describe_tg43,
    "seedmc-comparison": _describe_comparison,
    "seedmc-budget": _describe_budget,
}


def describe_tissues(settings: MediaSettings) -> list[Section]:
    """Sections on a CT curve and the other settings of media.

    Parameters
    ----------
    settings : MediaSettings
        From a curve file.

    Returns
    -------
    list of Section

    Examples
    --------
    >>> [section.title for section in describe_tissues(MediaSettings())]
    ['CT curve', 'Density', 'Media by CT number', 'Other settings']
    """
    curve = settings.curve
    lower = (-np.inf, *curve.upper_hu[:-1])
    record: dict[str, Any] = settings.record()
    other = [(f"{key.replace('_', ' ')}", json.dumps(record[key], ensure_ascii=False))
             for key in ("medium_of", "contour", "streaks", "calcification")]  # fmt: skip
    return [
        facts("CT curve", [("name", curve.name), ("source", curve.source)]),
        Section("Density", ("CT number / HU", "density / g cm⁻³"),
                tuple((f"{h:g}", f"{d:.4f}") for h, d in zip(curve.hu, curve.density, strict=True))),
        Section("Media by CT number", ("from / HU", "below / HU", "medium", "source of the composition"),
                tuple((f"{a:g}", f"{b:g}", m, material(m).source)
                      for a, b, m in zip(lower, curve.upper_hu, curve.media, strict=True))),
        facts("Other settings", other),
    ]  # fmt: skip


def describe_materials() -> list[Section]:
    """A section on every packaged medium: density, absorption against water, composition, source.

    Returns
    -------
    list of Section
    """
    energy = np.array([_REFERENCE_KEV])
    water = float(mass_energy_absorption(material("water"), energy)[0])
    rows = []
    for name, entry in material_library().items():
        ratio = float(mass_energy_absorption(entry, energy)[0]) / water
        composition = " ".join(f"{s} {100 * f:.3g}" for s, f in entry.fractions.items())
        source = f"{entry.source}. {entry.note}" if entry.note else entry.source
        rows.append((name, entry.kind, f"{entry.density:.4g}", f"{ratio:.3f}", composition, source))
    heading = ("medium", "kind", "g cm⁻³", "µen/ρ to water, 28 keV", "mass %", "source")
    return [Section("Media", heading, tuple(rows))]


def describe_seeds() -> list[Section]:
    """A section on every packaged seed.

    Returns
    -------
    list of Section
    """
    rows = []
    for name in seed_model_names():
        seed = load_seed_model(name)
        size = f"{20 * seed.half_length:.2f} × {20 * seed.radius:.2f}"
        rows.append((seed.name, seed.spectrum.name, size, ", ".join(seed.media), seed.source))
    return [Section("Seeds", ("seed", "spectrum", "length × diameter / mm", "media", "source"), tuple(rows))]


def describe_curves() -> list[Section]:
    """A section on every packaged CT curve.

    Returns
    -------
    list of Section
    """
    rows = [(name, " | ".join(_bins(name)), packaged_curve(name).source) for name in PACKAGED_CURVES]
    return [Section("CT curves", ("curve", "media, each below its CT number / HU", "source"), tuple(rows))]


def _bins(name: str) -> list[str]:
    curve = packaged_curve(name)
    ends = ["" if np.isinf(upper) else f" < {upper:g}" for upper in curve.upper_hu]
    return [f"{medium}{end}" for medium, end in zip(curve.media, ends, strict=True)]


def _grid(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], z: np.ndarray[Any, Any]) -> str:
    size = " × ".join(str(len(c)) for c in (x, y, z))
    step = " × ".join(f"{10 * (c[-1] - c[0]) / (len(c) - 1):.3g}" for c in (x, y, z))
    return f"{size} voxels of {step} mm"


def _short(value: object) -> str:
    words = (
        value
        if isinstance(value, str)
        else str(np.asarray(value).tolist() if hasattr(value, "dtype") else value)
    )
    return words if len(words) <= _LONGEST_TEXT else words[: _LONGEST_TEXT - 1] + "…"
