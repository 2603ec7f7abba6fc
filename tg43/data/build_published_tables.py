"""Make the data files of the published seeds from a file of transcribed numbers and ``published_seeds.toml``.

Run from the repository as ``python tg43/data/build_published_tables.py NUMBERS.json``. The file of numbers is a JSON
object with a list ``seeds`` of Λ, L, g_L, F and, for the OncoSeed 6711, g_P and φ_an. What is not a number of the
publications - names, capsules, references, how many transcriptions agree, cautions - is in the TOML file. φ_an is
integrated from F where the printed values are not transcribed as well as F itself.
"""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from tg43.source_data_checks import anisotropy_factor_from_anisotropy

FORMAT_VERSION = "1.0"
FOLDER = Path(__file__).parent
DECIMALS = 4  # of φ_an from F, which is printed to three
HALF_LIFE = 59.4  # d
_INNER_LIST = re.compile(r"\[[-+0-9.eE,\s]*\]")
_COUNTS = ("zero", "one", "two", "three")
_UNITS = {
    "half_life": "d",
    "dose_rate_constant": "cGy h-1 U-1",
    "active_length": "cm",
    "capsule": "cm",
    "r": "cm",
    "theta": "deg",
    "g_L, g_P, F, phi_an": "1",
}
_COMPUTED = "integrated from F and G_L of this file (TG-43U1, Eq. 9)"


def published_documents(numbers: Path) -> dict[str, dict[str, Any]]:
    """Return the content of every data file by its name, without the ending.

    Parameters
    ----------
    numbers : path
        JSON file of transcribed numbers.
    """
    described = tomllib.loads((FOLDER / "published_seeds.toml").read_text(encoding="utf-8"))
    models = {seed["model"]: seed for seed in json.loads(numbers.read_text(encoding="utf-8"))["seeds"]}
    seeds = described["seed"]
    if missing := set(models) ^ {seed["numbers"] for seed in seeds}:
        raise SystemExit(f"{', '.join(sorted(missing))}: in only one of {numbers} and published_seeds.toml.")
    return {seed["file"]: _document(seed, models[seed["numbers"]], described) for seed in seeds}


def as_text(document: dict[str, Any]) -> str:
    """Return a data file's text: JSON with every list of numbers on one line."""
    text = json.dumps(document, ensure_ascii=False, indent=1)
    return _INNER_LIST.sub(lambda found: "[" + " ".join(found.group()[1:-1].split()) + "]", text) + "\n"


def _document(seed: dict[str, Any], numbers: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    source = described["sources"][seed["source"]]
    capsule = {key: seed["capsule"][key] for key in ("length", "radius", "ends")}
    radial = {"r": numbers["r_cm"], "g_L": numbers["gL"]}
    if printed_g_p := numbers.get("gP", seed.get("printed_radial_dose_point")):
        radial["g_P"] = printed_g_p
    document = {
        "format_version": FORMAT_VERSION,
        "name": seed["name"],
        "aliases": seed["aliases"],
        "manufacturer": seed["manufacturer"],
        "derivation": source["derivation"],
        "radionuclide": "I-125",
        "half_life": HALF_LIFE,
        "dose_rate_constant": numbers["dose_rate_constant_cGy_per_h_per_U"],
        "active_length": numbers["L_cm"],
        "capsule": capsule,
        "radial_dose_function": radial,
        "anisotropy_function": {
            "r": numbers["F_r_cm"],
            "theta": numbers["F_theta_deg"],
            "F": numbers["F_r_by_theta"],
        },
        "anisotropy_factor": _anisotropy_factor(numbers),
    }
    if "printed_anisotropy_factor" in seed:
        document["printed_anisotropy_factor"] = seed["printed_anisotropy_factor"]
    return document | {
        "units": _UNITS,
        "short_reference": source["short"],
        "reference": source["reference"],
        "doi": source["doi"],
        "tables": _tables(seed, numbers, source),
        "cautions": seed["cautions"],
        "provenance": seed.get("provenance") or _provenance(seed, source, described["capsule_sources"]),
    }


def _anisotropy_factor(numbers: dict[str, Any]) -> dict[str, Any]:
    if printed := numbers.get("phi_an"):
        return {"r": printed["r_cm"], "phi_an": printed["phi"]}
    factor = anisotropy_factor_from_anisotropy(
        np.array(numbers["F_r_cm"]),
        np.deg2rad(numbers["F_theta_deg"]),
        np.array(numbers["F_r_by_theta"]),
        numbers["L_cm"],
    )
    return {"r": numbers["F_r_cm"], "phi_an": [round(float(value), DECIMALS) for value in factor]}


def _tables(seed: dict[str, Any], numbers: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    """Where each table comes from."""

    def published(count: int) -> dict[str, Any]:
        return {"reference": source["reference"], "doi": source["doi"], "transcriptions": count}

    counts = dict(seed["transcriptions"])
    printed = counts.pop("anisotropy_factor_printed", 0)
    tables = {name: published(count) for name, count in counts.items()}
    tables["anisotropy_factor"] = (
        published(printed) if "phi_an" in numbers else {"reference": _COMPUTED, "transcriptions": 0}
    )
    if "printed_anisotropy_factor" in seed:
        tables["printed_anisotropy_factor"] = published(printed)
    return tables


def _provenance(seed: dict[str, Any], source: dict[str, Any], capsule_sources: dict[str, str]) -> list[str]:
    counts = seed["transcriptions"]
    words = {
        "dose_rate_constant": "the dose-rate constant",
        "radial_dose_function": "g_L",
        "anisotropy_function": "F",
    }
    by_count: dict[int, list[str]] = {}
    for name, text in words.items():
        by_count.setdefault(counts[name], []).append(text)
    rests = "; ".join(
        f"{' and '.join(names)} on {_COUNTS[count]}{' that agree' if count > 1 else ''}"
        for count, names in sorted(by_count.items())
    )
    kind = "Consensus values" if source["derivation"] == "consensus" else "Values of one publication"
    return [
        f"{kind}, transcribed: {rests}. Not checked against the printed page.",
        "Half-life 59.40 d: TG-43U1 and ICRP Publication 107.",
        "phi_an is integrated from F, so that the point formalism is the mean over direction of the line formalism.",
        f"Capsule: outer dimensions {capsule_sources[seed['capsule']['source']]}, used only to leave out points inside "
        "the seed.",
    ]


def main() -> None:
    """Write the files beside this one, or elsewhere."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", type=Path, help="JSON file of transcribed numbers")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write to")
    options = parser.parse_args()
    for name, document in published_documents(options.numbers).items():
        (options.out / f"{name}.json").write_text(as_text(document), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
