"""Build ``cross_sections.h5`` from xraylib (a development dependency, not needed at run time).

Run ``python -m mcsim.data.build_cross_sections`` from the repository root after a change; the contract test
rebuilds the table in memory and compares it with the packaged file.

Sources, as distributed with xraylib (Schoonjans et al. 2011, doi:10.1016/j.sab.2011.09.011):

* photoelectric, incoherent and coherent cross sections: ``CS_Photo``, ``CS_Compt``, ``CS_Rayl``, which agree with
  XCOM (doi:10.18434/T48G6X) to 0.03 %. ``CS_Energy`` and the Kissel totals are not used: they are wrong for
  light elements in this range.
* fluorescence of the K and L shells: see ``build_fluorescence``.
* form factors and incoherent scattering functions: Hubbell et al. 1975 (doi:10.1063/1.555523).
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import xraylib

from mcsim import hdf5_file
from mcsim.data import build_fluorescence

ENERGY_RANGE = (1.0, 40.0)  # keV
ELEMENTS = range(1, 84)
POINTS_PER_ELEMENT = 260
MOMENTUM_TRANSFER_MAX = 3.4  # 1/Angstrom; back-scattering of 40 keV has 3.23
MOMENTUM_TRANSFER_POINTS = 400
SHELLS = ("K", "L1", "L2", "L3", "M1", "M2", "M3", "M4", "M5")
VACANCIES = ("vacancies_k", "vacancies_l1", "vacancies_l2", "vacancies_l3")


def edges_within(Z: int) -> list[float]:
    """Absorption edges of an element inside the table's energy range, ascending, keV."""
    edges = []
    for shell in SHELLS:
        try:
            edge = xraylib.EdgeEnergy(Z, getattr(xraylib, f"{shell}_SHELL"))
        except ValueError:
            continue
        if ENERGY_RANGE[0] < edge < ENERGY_RANGE[1]:
            edges.append(edge)
    return sorted(set(edges))


def energy_grid(Z: int) -> np.ndarray:
    """Logarithmic grid with one point just below and one just above every edge, keV."""
    low, high = ENERGY_RANGE
    grid = np.geomspace(low, high, POINTS_PER_ELEMENT)
    # xraylib's own edge positions differ from EdgeEnergy by up to 1e-4 relative; points closer than that to an
    # edge would sample the jump itself.
    for edge in edges_within(Z):
        grid = grid[np.abs(grid / edge - 1) > 3e-4]
        grid = np.append(grid, [edge * (1 - 3e-4), edge * (1 + 3e-4)])
    return np.sort(grid)


def incoherent_scattering_function(Z: int, x: float) -> float:
    """S(x) of an element; quadratic in x below xraylib's first node, as for any bound electron."""
    first = 0.0051
    if x >= first:
        return float(xraylib.SF_Compt(Z, x))
    return float(xraylib.SF_Compt(Z, first)) * (x / first) ** 2


def element_table(Z: int) -> dict[str, np.ndarray]:
    """Cross sections, form factors and fluorescence of one element."""
    energy = energy_grid(Z)
    x = MOMENTUM_TRANSFER_MAX * np.linspace(0.0, 1.0, MOMENTUM_TRANSFER_POINTS) ** 2
    table = {
        "energy": energy,
        "edges": np.array(edges_within(Z)),
        "photoelectric": np.array([xraylib.CS_Photo(Z, e) for e in energy]),
        "incoherent": np.array([xraylib.CS_Compt(Z, e) for e in energy]),
        "coherent": np.array([xraylib.CS_Rayl(Z, e) for e in energy]),
        "momentum_transfer": x,
        "form_factor": np.array([xraylib.FF_Rayl(Z, q) for q in x]),
        "incoherent_scattering_function": np.array([incoherent_scattering_function(Z, q) for q in x]),
    }
    for name, numbers in zip(VACANCIES, build_fluorescence.vacancies(Z, energy), strict=True):
        table[name] = numbers
    table["line_shell"], table["line_energy"], table["line_yield"] = build_fluorescence.lines(Z)
    table["shell_edge"], table["shell_yield"] = build_fluorescence.shell_constants(Z)
    photons = photons_per_absorption(table)
    if not photons.max() < 1.0:
        raise ValueError(f"element {Z} emits {photons.max():.3f} photons per absorption, expected below 1")
    return table


def photons_per_absorption(table: dict[str, np.ndarray]) -> np.ndarray:
    """Mean number of fluorescence photons per absorption; the sampler makes one at most, so it must stay below 1."""
    vacancies = np.array([table[name] for name in VACANCIES])
    return np.asarray(table["line_yield"] @ vacancies[table["line_shell"]])


DESCRIPTIONS = {
    "energy": ("keV", "photon energy, with a point on either side of every absorption edge"),
    "edges": ("keV", "absorption edges inside the energy range"),
    "photoelectric": ("cm2/g", "photoelectric mass attenuation coefficient"),
    "incoherent": ("cm2/g", "incoherent mass attenuation coefficient, bound electrons"),
    "coherent": ("cm2/g", "coherent mass attenuation coefficient"),
    "momentum_transfer": ("1/Angstrom", "x = sin(theta/2)/lambda"),
    "form_factor": ("1", "atomic form factor F(x)"),
    "incoherent_scattering_function": ("1", "incoherent scattering function S(x)"),
    "vacancies_k": ("1", "vacancies in the K shell per photoelectric absorption"),
    "vacancies_l1": ("1", "the same in L1, those that the decay of K vacancies makes included"),
    "vacancies_l2": ("1", "the same in L2, those that the decay of K and L1 vacancies makes included"),
    "vacancies_l3": ("1", "the same in L3, those that the decay of K, L1 and L2 vacancies makes included"),
    "line_shell": ("1", "shell of each fluorescence line: 0 K, 1 L1, 2 L2, 3 L3"),
    "line_energy": ("keV", "fluorescence line energies above 1 keV"),
    "line_yield": ("1", "photons of the line per vacancy of its shell: fluorescence yield times line rate"),
    "shell_edge": ("keV", "K, L1, L2, L3 edge; 0 where the element has no such shell"),
    "shell_yield": ("1", "K, L1, L2, L3 fluorescence yield"),
}


def write(path: Path) -> None:
    """Write the packaged table: every quantity of all elements end to end, with offsets."""
    attributes = {
        "source": f"xraylib {importlib.metadata.version('xraylib')}",
        "reference": "doi:10.1016/j.sab.2011.09.011; XCOM doi:10.18434/T48G6X; Hubbell 1975 doi:10.1063/1.555523",
        "build_script": "mcsim/data/build_cross_sections.py",
    }
    tables = [element_table(Z) for Z in ELEMENTS]
    with hdf5_file.create(path, "seedmc-cross-sections", "2.0", attributes) as file:
        for name, values, units, description in (
            ("symbol", [xraylib.AtomicNumberToSymbol(Z) for Z in ELEMENTS], "1", "chemical symbol"),
            ("atomic_number", np.array(ELEMENTS, dtype=np.int32), "1", "atomic number Z"),
            ("atomic_weight", [xraylib.AtomicWeight(Z) for Z in ELEMENTS], "g/mol", "atomic weight"),
        ):
            hdf5_file.add_dataset(file, name, values, ("element",), units, description)
        for name in ("momentum_transfer", *(key for key in DESCRIPTIONS if key != "momentum_transfer")):
            parts = [table[name] for table in tables]
            if name == "momentum_transfer":  # the same for all elements
                parts = parts[:1]
            # Single precision holds seven digits of data that agree with XCOM to 3e-4.
            single = name not in ("energy", "edges", "line_energy", "shell_edge")
            dtype = np.int32 if name == "line_shell" else np.float32 if single else np.float64
            data = hdf5_file.add_dataset(
                file,
                name,
                np.concatenate(parts).astype(dtype),
                (f"{name}_entry",),
                *DESCRIPTIONS[name],
                compression="gzip",
                shuffle=True,
            )
            offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int32)
            data.attrs["offsets"] = offsets


if __name__ == "__main__":
    write(Path(__file__).parent / "cross_sections.h5")
