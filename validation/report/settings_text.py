"""Settings of the Monte Carlo simulation in words: physics, and how the CT became tissue."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from validation.report.number_text import number

Rows = list[tuple[str, str]]

#: Settings told here, so that nothing else needs to print them.
TOLD_HERE = frozenset(
    {
        "physics",
        "spectrum",
        "techniques",
        "variance_reduction",
        "difference",
        "hounsfield_curve",
        "media_settings",
        "voxels_by_contour",
        "voxels_of_calcification",
        "seed_artefact_voxels_overridden",
        "seed_artefact_voxels_of_seeds",
        "seed_artefact_voxels_bright",
        "seed_artefact_voxels_dark",
        "seed_artefact_volume_cm3",
        "seed_artefact_replaced_by_hu",
        "seed_artefact_patches_kept",
        "spectra_of",
    }
)
_COHERENT = {"form_factor": "with atomic form factors", "off": "left out"}
_INCOHERENT = {
    "scattering_function": "on bound electrons, Klein-Nishina times the incoherent scattering function",
    "free_electrons": "on free electrons, Klein-Nishina",
}
_UNITS = frozenset({"cm", "cm3", "d", "h", "hu", "kev", "s"})
_LABELS = {
    "analogue": "analogue transport",
    "per_seed": "dose of every seed kept",
    "phase_space_histories": "histories of the phase space",
    "run_seed": "number that starts the random numbers",
    "table": "source of the table",
    "voxel_cm": "voxel size / cm",
}
_HYPHEN_OF_A_NUMBER = re.compile(r"(?<![\w.])-(?=\d)")
_MILLIMETRES_PER_CENTIMETRE = 10.0
_REPLACEMENTS = {"median": "the median of clean voxels near by", "water": "0 HU"}


def plain(value: object) -> str:
    """A setting that has no sentence of its own.

    Parameters
    ----------
    value : object
        As read from JSON.

    Returns
    -------
    str
        Text.

    Examples
    --------
    >>> plain(False), plain([]), plain(["GTV", "PTV"]), plain(0.1), plain(7)
    ('no', 'none', 'GTV, PTV', '0.1', '7')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, int):
        return number(value, 0)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def label(key: str) -> str:
    """Name of a setting, its unit after a stroke.

    Parameters
    ----------
    key : str
        Name in the record.

    Returns
    -------
    str
        Text.

    Examples
    --------
    >>> label("voxel_cm"), label("run_seed"), label("cut_off_kev")
    ('voxel size / cm', 'number that starts the random numbers', 'cut off / kev')
    """
    if key in _LABELS:
        return _LABELS[key]
    name, _, unit = key.rpartition("_")
    return f"{name.replace('_', ' ')} / {unit}" if unit in _UNITS and name else key.replace("_", " ")


def physics_rows(settings: Mapping[str, Any]) -> Rows:
    """How interactions were described, as (what, value).

    Parameters
    ----------
    settings : mapping
        Settings of the Monte Carlo result; files written before there was a choice say nothing.

    Returns
    -------
    list of (str, str)
        Rows.

    Examples
    --------
    >>> physics_rows({"physics": {"cut_off_kev": 5.0, "fluorescence_off": ["Ag"]}})
    [('Photons followed down to', '5 keV'), ('Fluorescence', 'of all elements but Ag, whose stays where it is made')]
    """
    rows: Rows = []
    physics = settings.get("physics")
    if isinstance(physics, Mapping):
        if "cut_off_kev" in physics:
            rows.append(("Photons followed down to", f"{physics['cut_off_kev']:g} keV"))
        for key, what, words in (
            ("coherent", "Coherent scattering", _COHERENT),
            ("incoherent", "Incoherent scattering", _INCOHERENT),
        ):
            if key in physics:
                rows.append((what, words.get(physics[key], str(physics[key]))))
        if "fluorescence_off" in physics:
            rows.append(("Fluorescence", _fluorescence(list(physics["fluorescence_off"]))))
    if "spectrum" in settings:
        rows.append(("Spectrum", str(settings["spectrum"]) or "the seed model's own"))
    if settings.get("spectra_of"):
        names = [str(name) for name in settings["spectra_of"]]
        media = sum(name.startswith("medium:") for name in names)
        rows.append(("Spectra scored", f"in {len(names) - media} structures and {media} media"))
    return rows


def technique_rows(settings: Mapping[str, Any]) -> Rows:
    """Techniques that made the dose besides plain transport, as (what, value).

    Parameters
    ----------
    settings : mapping
        Settings of the Monte Carlo result; files written before there was a choice say nothing.

    Returns
    -------
    list of (str, str)
        Rows; what is known of a technique that this text does not know is told as it is.

    Examples
    --------
    >>> technique_rows({"techniques": {}})
    [('Variance reduction', 'none: plain transport in the patient')]
    >>> technique_rows({"techniques": {"roulette outside the scoring region": {"survival": 0.25, "beyond_cm": 3.0}}})
    [('Roulette', '1 photon of 4 goes on beyond 3 cm from the scoring region, with the weight of all')]
    """
    techniques = settings.get("techniques")
    if not isinstance(techniques, Mapping):
        return []
    if not techniques:
        return [("Variance reduction", "none: plain transport in the patient")]
    rows: Rows = []
    # files sort them by name; what is done to every photon comes first here
    for name in [
        *filter(techniques.__contains__, _TECHNIQUES),
        *(n for n in techniques if n not in _TECHNIQUES),
    ]:
        parameters = techniques[name]
        known = _TECHNIQUES.get(name)
        try:
            rows += known(parameters) if known else [_as_it_is(name, parameters)]
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            rows.append(_as_it_is(name, parameters))
    return rows


def _correlated(parameters: Mapping[str, Any]) -> Rows:
    trial, table = int(parameters["trial_histories"]), float(parameters["water_table_histories"])
    return [
        (
            "Variance reduction",
            "correlated sampling: photons are sampled in water around their seed and carry the dose in the patient "
            "and the dose in water; what the latter is off its known mean is taken away, in the patient as in water",
        ),
        (
            "Known dose in water",
            f"table of one seed, {number(table, 0)} histories",
        ),
        ("Water-table digest", str(parameters["water_table_digest"])),
        (
            "Share taken away",
            f"from rays and a trial of {number(trial, 0)} histories" if trial else "all: water only",
        ),
    ]


def _copies(parameters: Any) -> Rows:
    most = parameters["most"] if isinstance(parameters, Mapping) else parameters
    return [
        (
            "Copies of photons",
            f"up to {int(most)} of one scattered where the patient scatters more than water",
        )
    ]


def _roulette(parameters: Mapping[str, Any]) -> Rows:
    one_of = number(1.0 / float(parameters["survival"]), 0)
    beyond = f"beyond {float(parameters['beyond_cm']):g} cm from the scoring region"
    return [("Roulette", f"1 photon of {one_of} goes on {beyond}, with the weight of all")]


def _as_it_is(name: str, parameters: object) -> tuple[str, str]:
    what = name[:1].upper() + name[1:]
    if not isinstance(parameters, Mapping):
        return what, plain(parameters)
    return what, "; ".join(f"{label(key)}: {plain(value)}" for key, value in parameters.items()) or "yes"


_TECHNIQUES: dict[str, Callable[[Any], Rows]] = {
    "correlated sampling against water": _correlated,
    "copies of photons scattered where the phantom scatters more than water": _copies,
    "roulette outside the scoring region": _roulette,
}


def _fluorescence(off: list[str]) -> str:
    if not off:
        return "of all elements"
    if off == ["all"]:
        return "none, it stays where it is made"
    return f"of all elements but {', '.join(off)}, whose stays where it is made"


def tissue_rows(settings: Mapping[str, Any]) -> Rows:
    """How the CT became densities and media, as (what, value).

    Parameters
    ----------
    settings : mapping
        Settings of the Monte Carlo result.

    Returns
    -------
    list of (str, str)
        Rows; none where the media are water.
    """
    rows: Rows = []
    if "hounsfield_curve" in settings:
        rows.append(
            ("CT numbers to tissues", _HYPHEN_OF_A_NUMBER.sub("−", str(settings["hounsfield_curve"])))
        )
    record = settings.get("media_settings")
    if isinstance(record, Mapping):
        rows += _curve_rows(record)
        rows.append(("Media by contour", _contours(record, settings.get("voxels_by_contour"))))
        rows.append(("Calcification", _calcification(record, settings.get("voxels_of_calcification"))))
    if "seed_artefact_voxels_overridden" in settings:
        rows.append(("Seeds and streaks on the CT", _streaks(settings, record)))
    return rows


def _curve_rows(record: Mapping[str, Any]) -> Rows:
    rows: Rows = []
    points = [f"{point['g_cm3']:g} at {_hu(point['hu'])}" for point in record.get("density", ())]
    if points:
        rows.append(("Density by CT number", f"{', '.join(points)} HU; in g/cm³, straight between"))
    bins = record.get("media", ())
    names = [str(entry["medium"]).replace("_", " ") for entry in bins]
    ends = [f" below {_hu(entry['below_hu'])} HU" if "below_hu" in entry else " above" for entry in bins]
    if names:
        rows.append(("Media by CT number", ", ".join(a + b for a, b in zip(names, ends, strict=True))))
    return rows


def _contours(record: Mapping[str, Any], voxels: object) -> str:
    entries = record.get("medium_of", ())
    if not entries:
        return "none: the CT number decides"
    media = "; ".join(f"{e['structure']}: {str(e['medium']).replace('_', ' ')}" for e in entries)
    contour = record.get("contour", {})
    density = "the medium's own" if contour.get("density") == "nominal" else "from the CT number"
    kept = contour.get("keep_outside_hu")
    everything = "everything inside a contour takes its medium"
    within = f"soft tissue: voxels of {_range(kept)} only" if kept else everything
    return f"{media} ({_voxels(voxels)}); {within}; density {density}"


def _calcification(record: Mapping[str, Any], voxels: object) -> str:
    entry = record.get("calcification", {})
    above = entry.get("above_hu")
    if above is None:
        return "none"
    where = ", ".join(entry.get("structures", ())) or "the target"
    return f"mixed into soft tissue above {_hu(above)} HU in {where} ({_voxels(voxels)})"


def _streaks(settings: Mapping[str, Any], record: object) -> str:
    entry = record.get("streaks", {}) if isinstance(record, Mapping) else {}
    count = int(settings["seed_artefact_voxels_overridden"])
    if not count:
        return {
            "off": "not looked for (streak override off)",
            "always": "looked for, nothing to replace",
        }.get(str(entry.get("mode")), "nothing replaced: the CT does not show the seeds")
    text = f"{_voxels(count, 'CT voxel')}"
    if "seed_artefact_volume_cm3" in settings:
        text += f" ({number(float(settings['seed_artefact_volume_cm3']), 2)} cm³)"
    text += " replaced by tissue"
    parts = [
        f"{number(float(settings[f'seed_artefact_voxels_{key}']), 0)} {words}"
        for key, words in (("of_seeds", "of seeds"), ("bright", "of bright"), ("dark", "of dark streaks"))
        if f"seed_artefact_voxels_{key}" in settings
    ]
    text += f": {', '.join(parts)}" if parts else ""
    if "radius_cm" in entry:
        seed_radius, radius = _mm(entry["seed_radius_cm"]), _mm(entry["radius_cm"])
        text += f"; seeds up to {seed_radius} mm, streaks up to {radius} mm from an axis"
    if "tissue_hu" in entry:
        text += f"; tissue is {_range(entry['tissue_hu'])}, in the target {_range(entry['target_hu'])}"
    replacement = entry.get("replacement")
    if replacement is not None:
        words = _REPLACEMENTS.get(str(replacement))
        text += f"; by {words or f'{_hu(replacement)} HU'}"
    if "seed_artefact_replaced_by_hu" in settings:
        text += f", in the target {_hu(settings['seed_artefact_replaced_by_hu'])} HU"
    if "seed_artefact_patches_kept" in settings:
        text += f"; {number(float(settings['seed_artefact_patches_kept']), 0)} patches near seeds left as they are"
    return text


def _hu(value: object) -> str:
    return number(float(str(value)), 0)


def _mm(centimetres: object) -> str:
    return f"{_MILLIMETRES_PER_CENTIMETRE * float(str(centimetres)):g}"


def _range(pair: Any) -> str:
    return f"{_hu(pair[0])} to {_hu(pair[1])} HU"


def _voxels(count: object, what: str = "voxel") -> str:
    if count is None:
        return f"{what}s not counted"
    n = int(str(count))
    return f"{number(n, 0)} {what}{'s' * (n != 1)}"
