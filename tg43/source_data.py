"""TG-43 parameters of one seed model, read from a data file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np

from tg43.array_checks import FloatArray, finite_array, one_of, refuse_where
from tg43.invalid_input import InvalidInput

REFERENCE_DISTANCE = 1.0  # cm, r_0 of TG-43
CAPSULE_ENDS = ("hemispherical", "flat")
TABLES = ("consensus", "published", "monte_carlo")  # in the order of preference


@dataclass(frozen=True, eq=False)
class SourceData:
    """TG-43 parameters of a seed model, checked when made; the arrays are read-only.

    Parameters
    ----------
    name : str
        Manufacturer's name of the model.
    radionuclide : str
        For example ``I-125``.
    half_life : float
        Half-life in days.
    dose_rate_constant : float
        Λ in cGy h⁻¹ U⁻¹.
    active_length : float
        L in cm.
    radial_distances, radial_dose : ndarray, shape (n_g,)
        r in cm, ascending, and g_L(r); both positive.
    anisotropy_distances : ndarray, shape (n_r,)
        r in cm of the rows of F, ascending.
    anisotropy_angles : ndarray, shape (n_θ,)
        θ in rad of the columns of F, from 0 to π/2, ascending; F is symmetric about π/2.
    anisotropy : ndarray, shape (n_r, n_θ)
        F(r, θ), positive.
    anisotropy_factor_distances, anisotropy_factor : ndarray, shape (n_φ,)
        r in cm and φ_an(r); empty where the point formalism is not tabulated.
    radial_dose_point : ndarray, shape (n_g,) or (0,)
        g_P(r) at `radial_distances`, kept as published; g_L carries the same information.
    capsule_length, capsule_radius : float
        Outer dimensions in cm.
    capsule_ends : str
        ``hemispherical`` or ``flat``.
    reference, doi : str
        Publication of the values.
    provenance : tuple of str
        What else is to be known about where the values come from.

    Raises
    ------
    InvalidInput
        If a table is not what the formalism needs, or the capsule does not enclose the active length.

    References
    ----------
    Rivard et al., Med. Phys. 31 (2004) 633-674, doi:10.1118/1.1646040.

    Examples
    --------
    >>> load_source("6711").dose_rate_constant
    0.965
    """

    name: str
    radionuclide: str
    half_life: float
    dose_rate_constant: float
    active_length: float
    radial_distances: FloatArray
    radial_dose: FloatArray
    anisotropy_distances: FloatArray
    anisotropy_angles: FloatArray
    anisotropy: FloatArray
    anisotropy_factor_distances: FloatArray
    anisotropy_factor: FloatArray
    radial_dose_point: FloatArray
    capsule_length: float
    capsule_radius: float
    capsule_ends: str
    reference: str
    doi: str
    provenance: tuple[str, ...]

    def __post_init__(self) -> None:
        for quantity, unit in _POSITIVE_SCALARS.items():
            value = np.float64(getattr(self, quantity))
            _refuse(self.name, quantity, np.asarray(value), unit)
        for quantity, (shape, unit) in _TABLES.items():
            table = finite_array(f"{quantity} of {self.name}", getattr(self, quantity), shape, unit).copy()
            if quantity != "anisotropy_angles":
                _refuse(self.name, quantity, table, unit)
            table.setflags(write=False)
            object.__setattr__(self, quantity, table)
        for distances in ("radial_distances", "anisotropy_distances", "anisotropy_factor_distances"):
            _require_ascending(self.name, distances, getattr(self, distances), "cm")
        _require_ascending(self.name, "anisotropy_angles", self.anisotropy_angles, "rad")
        self._require_matching_tables()
        one_of(
            f"capsule_ends of {self.name}",
            self.capsule_ends,
            CAPSULE_ENDS,
            "the capsule is excluded by its shape",
        )
        if self.active_length > self.capsule_length or 2 * self.capsule_radius > self.capsule_length:
            raise InvalidInput(
                f"capsule_length of {self.name} is {self.capsule_length:g} cm, expected at least the active "
                f"length {self.active_length:g} cm and the diameter {2 * self.capsule_radius:g} cm "
                "(the capsule encloses both). Correct the data file."
            )

    def _require_matching_tables(self) -> None:
        n_g, n_phi = len(self.radial_distances), len(self.anisotropy_factor_distances)
        rows_columns = (len(self.anisotropy_distances), len(self.anisotropy_angles))
        lengths = {
            "radial_dose": (self.radial_dose.shape, (n_g,), n_g >= 2),
            "radial_dose_point": (self.radial_dose_point.shape, (n_g,), True),
            "anisotropy": (self.anisotropy.shape, rows_columns, min(rows_columns) >= 2),
            "anisotropy_factor": (self.anisotropy_factor.shape, (n_phi,), n_phi != 1),
        }
        for quantity, (found, expected, long_enough) in lengths.items():
            optional = quantity == "radial_dose_point" and found == (0,)
            if (found != expected and not optional) or not long_enough:
                raise InvalidInput(
                    f"{quantity} of {self.name} is a table of shape {found}, expected {expected} and at "
                    "least two values along each side (one per tabulated distance or angle). Correct the "
                    "data file."
                )
        ends = self.anisotropy_angles[[0, -1]]
        if not np.allclose(ends, [0.0, np.pi / 2], rtol=0, atol=1e-9):
            raise InvalidInput(
                f"anisotropy_angles of {self.name} is a range from {ends[0]:.6g} to {ends[1]:.6g} rad, "
                "expected 0 to pi/2 (F is taken as symmetric about the transverse plane). Give F from 0 to "
                "90 degrees."
            )


_PREFIXES = {"consensus": "consensus", "published": "published", "mc": "monte_carlo"}
_DERIVATIONS = {"Monte Carlo": "monte_carlo", "single publication": "published"}
_POSITIVE_SCALARS = {
    "half_life": "d",
    "dose_rate_constant": "cGy/(h U)",
    "active_length": "cm",
    "capsule_length": "cm",
    "capsule_radius": "cm",
}
_TABLES: dict[str, tuple[tuple[str, ...], str]] = {
    "radial_distances": (("n_g",), "cm"),
    "radial_dose": (("n_g",), ""),
    "anisotropy_distances": (("n_r",), "cm"),
    "anisotropy_angles": (("n_theta",), "rad"),
    "anisotropy": (("n_r", "n_theta"), ""),
    "anisotropy_factor_distances": (("n_phi",), "cm"),
    "anisotropy_factor": (("n_phi",), ""),
    "radial_dose_point": (("n_g",), ""),
}


def known_sources() -> tuple[str, ...]:
    """Return the names of the packaged sources: those with published data, and the Monte Carlo table of every seed.

    Examples
    --------
    >>> "OncoSeed 6711" in known_sources()
    True
    """
    return tuple(sorted(document["name"] for document in packaged_documents()))


def load_source(name: str, table: str = "") -> SourceData:
    """Return the packaged source of a given name or alias; case, spacing and punctuation do not matter.

    Parameters
    ----------
    name : str
        For example ``OncoSeed 6711`` or ``6711``.
    table : str
        ``consensus``, ``published`` for a single publication's, or ``monte_carlo`` for the project's own
        (`seedmc characterise`); without it the first of these that there is.

    Raises
    ------
    InvalidInput
        If no packaged source has this name and kind of table; the known names are listed.

    Examples
    --------
    >>> load_source("oncoseed 6711").active_length
    0.3
    >>> load_source("6711", "monte_carlo").name
    'OncoSeed 6711 Monte Carlo'
    >>> load_source("iai 125a").dose_rate_constant
    0.981
    >>> load_source("TheraSeed 200").name
    'TheraSeed 200 Monte Carlo'
    """
    if table:
        one_of("table", table, TABLES, "these are packaged")
    wanted = _key(str(name))
    found = {
        _kind(document): document["name"]
        for document in packaged_documents()
        if wanted in {_key(alias) for alias in (document["name"], *document["aliases"])}
    }
    for kind in (table,) if table else TABLES:
        if kind in found:
            return _packaged(found[kind])
    raise InvalidInput(
        f"source is {name!r}{f' with table {table!r}' if table else ''}, expected one of "
        f"{', '.join(n for n in known_sources() if not table or n in _names_of(table))} (TG-43 needs tabulated data "
        "for the seed model). Choose one of these or add a data file."
    )


def read_source(path: str | Path) -> SourceData:
    """Return the source described by a seed data file outside the package, such as a Monte Carlo derived table.

    Parameters
    ----------
    path : path
        JSON file with the keys of the packaged files; others (uncertainties, settings) are left alone. ``mc:NAME``,
        ``consensus:NAME`` and ``published:NAME`` are the packaged tables of a seed.

    Raises
    ------
    InvalidInput
        If there is no such file, it is not JSON, a key is missing, or a table does not pass the checks of
        `SourceData`.

    Examples
    --------
    >>> import tempfile
    >>> text = resources.files("tg43").joinpath("data/oncoseed_6711.json").read_text(encoding="utf-8")
    >>> path = Path(tempfile.mkdtemp()) / "my_seed.json"
    >>> _ = path.write_text(text.replace("0.965", "0.93"), encoding="utf-8")
    >>> read_source(path).dose_rate_constant
    0.93
    >>> read_source("mc:6711").name
    'OncoSeed 6711 Monte Carlo'
    """
    prefix, _, name = str(path).partition(":")
    if name and prefix in _PREFIXES:
        return load_source(name, _PREFIXES[prefix])
    path = Path(path)
    if not path.is_file():
        raise InvalidInput(f"source data is {str(path)!r}, expected an existing file. Correct the path.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise InvalidInput(
            f"source data {path} is not JSON ({problem}), expected a seed data file. Use another file."
        ) from None
    if not isinstance(document, dict):
        raise InvalidInput(
            f"source data {path} is a {type(document).__name__}, expected a JSON object with the keys of a seed "
            "data file. Use another file."
        )
    return source_from_document(document)


def source_from_document(document: Mapping[str, Any]) -> SourceData:
    """Return the source described by the content of a seed data file.

    Parameters
    ----------
    document : mapping
        Parsed JSON with the keys of the packaged files: lengths in cm, angles in degrees, Λ in cGy h⁻¹ U⁻¹,
        half-life in days.

    Raises
    ------
    InvalidInput
        If a key is missing or a table does not pass the checks of `SourceData`.

    Examples
    --------
    >>> import json
    >>> text = resources.files("tg43").joinpath("data/oncoseed_6711.json").read_text(encoding="utf-8")
    >>> source_from_document(json.loads(text)).name
    'OncoSeed 6711'
    """
    try:
        radial, capsule = document["radial_dose_function"], document["capsule"]
        anisotropy, factor = document["anisotropy_function"], document.get("anisotropy_factor", {})
        return SourceData(
            name=document["name"],
            radionuclide=document["radionuclide"],
            half_life=document["half_life"],
            dose_rate_constant=document["dose_rate_constant"],
            active_length=document["active_length"],
            radial_distances=radial["r"],
            radial_dose=radial["g_L"],
            anisotropy_distances=anisotropy["r"],
            anisotropy_angles=np.deg2rad(anisotropy["theta"]),
            anisotropy=anisotropy["F"],
            anisotropy_factor_distances=factor.get("r", []),
            anisotropy_factor=factor.get("phi_an", []),
            radial_dose_point=radial.get("g_P", []),
            capsule_length=capsule["length"],
            capsule_radius=capsule["radius"],
            capsule_ends=capsule["ends"],
            reference=document["reference"],
            doi=document["doi"],
            provenance=tuple(document["provenance"]),
        )
    except KeyError as missing:
        raise InvalidInput(
            f"{missing} of source {document.get('name', 'without name')!r} is absent, expected in every seed "
            "data file (the formalism needs it). Add it to the file."
        ) from missing
    except TypeError as problem:
        raise InvalidInput(
            f"source {document.get('name', 'without name')!r} holds a value of another kind than the formalism "
            f"needs ({problem}), expected objects, lists and numbers as in the packaged data files. Correct the file."
        ) from None


@cache
def _packaged(name: str) -> SourceData:
    return source_from_document(
        next(document for document in packaged_documents() if document["name"] == name)
    )


@cache
def packaged_documents() -> tuple[dict[str, Any], ...]:
    """Return the content of every packaged seed data file."""
    folder = resources.files("tg43").joinpath("data")
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".json")), key=_file_name)
    return tuple(json.loads(entry.read_text(encoding="utf-8")) for entry in files)


def _kind(document: Mapping[str, Any]) -> str:
    return _DERIVATIONS.get(document.get("derivation", ""), "consensus")


def _names_of(table: str) -> set[str]:
    return {document["name"] for document in packaged_documents() if _kind(document) == table}


def _file_name(entry: Traversable) -> str:
    return entry.name


def _key(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def _refuse(name: str, quantity: str, value: FloatArray, unit: str) -> None:
    bad = ~(np.isfinite(value) & (value > 0))
    refuse_where(
        bad,
        f"{quantity} of {name}",
        value,
        unit,
        expected="a value > 0",
        why="the tables are physical magnitudes",
    )


def _require_ascending(name: str, quantity: str, value: FloatArray, unit: str) -> None:
    bad = np.diff(value, prepend=-np.inf) <= 0
    refuse_where(
        bad,
        f"{quantity} of {name}",
        value,
        unit,
        expected="a value above the one before",
        why="tables are interpolated",
    )
