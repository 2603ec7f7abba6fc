"""Doses and their gamma by pymedphys, kept as ``pymedphys_gamma.npz`` beside this file.

Needs numpy and pymedphys (0.41.0 was used) and nothing of this project::

    python -m venv side && side/bin/pip install "pymedphys==0.41.0" scipy numba
    side/bin/python tests/physics/make_pymedphys_gamma.py

Lengths are handed over in cm throughout: pymedphys only asks that grid and criterion share a unit.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


def implant(axes, seeds):
    x, y, z = np.meshgrid(*axes, indexing="ij")
    return sum(3.0 / ((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2 + 0.02) for a, b, c in seeds)


def cases():
    """Name -> (reference axes, reference dose, evaluated axes, evaluated dose, criteria)."""
    seeds = np.random.default_rng(5).uniform(-0.5, 0.5, (5, 3))
    one = [0.1 * (np.arange(n) - (n - 1) / 2) for n in (14, 13, 12)]
    other = [0.12 * (np.arange(12) - 5.3), 0.11 * (np.arange(13) - 6.0), 0.13 * (np.arange(9) - 4.1)]
    reference = implant(one, seeds)
    moved = implant(one, seeds + 0.06) * 1.02
    noisy = moved * np.random.default_rng(3).normal(1.0, 0.02, moved.shape)
    criteria = {
        "dose_percent": 3.0,
        "distance": 0.2,
        "normalisation": 20.0,
        "local": False,
        "lower_dose_cut_off": 20.0,
        "max_gamma": 2.0,
        "interpolation_fraction": 5,
    }
    return {
        "one grid, global": (one, reference, one, moved, criteria),
        "two grids, local": (one, reference, other, implant(other, seeds + 0.05) * 0.97, criteria | {"local": True}),
        "noisy, 2 %/1 mm": (
            one,
            reference,
            one,
            noisy,
            criteria | {"dose_percent": 2.0, "distance": 0.1, "interpolation_fraction": 10, "max_gamma": 1.5},
        ),
    }  # fmt: skip


def pymedphys_gamma(axes, dose, other_axes, other_dose, criteria):
    import pymedphys

    return pymedphys.gamma(
        tuple(axes),
        dose,
        tuple(other_axes),
        other_dose,
        criteria["dose_percent"],
        criteria["distance"],
        lower_percent_dose_cutoff=criteria["lower_dose_cut_off"],
        interp_fraction=criteria["interpolation_fraction"],
        max_gamma=criteria["max_gamma"],
        local_gamma=criteria["local"],
        global_normalisation=criteria["normalisation"],
    )


if __name__ == "__main__":
    stored = {}
    for number, (name, case) in enumerate(cases().items()):
        axes, dose, other_axes, other_dose, criteria = case
        stored[f"{number}_name"] = np.array(json.dumps({"name": name, "criteria": criteria}))
        for side, lines, values in (("reference", axes, dose), ("evaluated", other_axes, other_dose)):
            for letter, line in zip("xyz", lines, strict=True):
                stored[f"{number}_{side}_{letter}"] = line
            stored[f"{number}_{side}_dose"] = values
        stored[f"{number}_gamma"] = pymedphys_gamma(*case)
    np.savez_compressed(Path(__file__).with_name("pymedphys_gamma.npz"), **stored)
