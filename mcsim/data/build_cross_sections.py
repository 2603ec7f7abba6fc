"""Build ``cross_sections.h5`` from xraylib (a development dependency, not needed at run time).

Run ``python -m mcsim.data.build_cross_sections`` from the repository root after a change; the contract test
rebuilds the table in memory and compares it with the packaged file.

Sources, as distributed with xraylib (Schoonjans et al. 2011, doi:10.1016/j.sab.2011.09.011):

* photoelectric, incoherent and coherent cross sections: ``CS_Photo``, ``CS_Compt``, ``CS_Rayl``, which agree with
  XCOM (doi:10.18434/T48G6X) to 0.03 %. ``CS_Energy`` and the Kissel totals are not used: they are wrong for
  light elements in this range.
* fluorescence: edge energies, K-shell yields, line energies and relative line rates (EADL and Elam et al. 2002).
* K-shell share of photoelectric absorption above the edge: ratio of Kissel's partial and total cross sections
  from argon on; ``1 - 1/jump`` for lighter elements, where xraylib's Kissel totals collapse.
* form factors and incoherent scattering functions: Hubbell et al. 1975 (doi:10.1063/1.555523).
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import xraylib

from mcsim import hdf5_file

ENERGY_RANGE = (1.0, 40.0)  # keV
ELEMENTS = range(1, 84)
POINTS_PER_ELEMENT = 260
MOMENTUM_TRANSFER_MAX = 3.4  # 1/Angstrom; back-scattering of 40 keV has 3.23
MOMENTUM_TRANSFER_POINTS = 400
K_LINES = ("KL2", "KL3", "KM2", "KM3", "KM4", "KM5", "KN2", "KN3", "KO2", "KO3")
FIRST_ELEMENT_WITH_KISSEL = 18  # argon
SHELLS = ("K", "L1", "L2", "L3", "M1", "M2", "M3", "M4", "M5")


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


def k_share(Z: int, energy: float) -> float:
    """Share of photoelectric absorptions above the K edge that leave a K vacancy."""
    if Z < FIRST_ELEMENT_WITH_KISSEL:
        return float(1.0 - 1.0 / xraylib.JumpFactor(Z, xraylib.K_SHELL))
    return float(xraylib.CS_Photo_Partial(Z, xraylib.K_SHELL, energy) / xraylib.CS_Photo_Total(Z, energy))


def element_table(Z: int) -> dict[str, np.ndarray]:
    """Cross sections, form factors and K fluorescence of one element."""
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
    lines, rates = [], []
    try:
        k_edge = xraylib.EdgeEnergy(Z, xraylib.K_SHELL)
        yield_k = xraylib.FluorYield(Z, xraylib.K_SHELL)
        table["k_share"] = np.array([k_share(Z, e) if e > k_edge else 0.0 for e in energy])
    except ValueError:
        k_edge, yield_k = 0.0, 0.0
        table["k_share"] = np.zeros_like(energy)
    if yield_k > 0.0:
        for name in K_LINES:
            line = getattr(xraylib, f"{name}_LINE")
            try:
                rate, energy_of_line = xraylib.RadRate(Z, line), xraylib.LineEnergy(Z, line)
            except ValueError:
                continue
            lines.append(energy_of_line)
            rates.append(rate)
    table["k_line_energy"] = np.array(lines)
    table["k_line_rate"] = np.array(rates) / sum(rates) if rates else np.zeros(0)
    table["k_shell"] = np.array([k_edge, yield_k if rates else 0.0])
    return table


DESCRIPTIONS = {
    "energy": ("keV", "photon energy, with a point on either side of every absorption edge"),
    "edges": ("keV", "absorption edges inside the energy range"),
    "photoelectric": ("cm2/g", "photoelectric mass attenuation coefficient"),
    "incoherent": ("cm2/g", "incoherent mass attenuation coefficient, bound electrons"),
    "coherent": ("cm2/g", "coherent mass attenuation coefficient"),
    "momentum_transfer": ("1/Angstrom", "x = sin(theta/2)/lambda"),
    "form_factor": ("1", "atomic form factor F(x)"),
    "incoherent_scattering_function": ("1", "incoherent scattering function S(x)"),
    "k_line_energy": ("keV", "K fluorescence line energies"),
    "k_line_rate": ("1", "K line intensities, summing to 1"),
    "k_share": ("1", "K-shell share of photoelectric absorption, 0 below the K edge"),
    "k_shell": ("keV, 1", "K edge, K fluorescence yield"),
}


def write(path: Path) -> None:
    """Write the packaged table: every quantity of all elements end to end, with offsets."""
    attributes = {
        "source": f"xraylib {importlib.metadata.version('xraylib')}",
        "reference": "doi:10.1016/j.sab.2011.09.011; XCOM doi:10.18434/T48G6X; Hubbell 1975 doi:10.1063/1.555523",
        "build_script": "mcsim/data/build_cross_sections.py",
    }
    tables = [element_table(Z) for Z in ELEMENTS]
    with hdf5_file.create(path, "seedmc-cross-sections", "1.0", attributes) as file:
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
            dtype = np.float64 if name in ("energy", "edges", "k_line_energy", "k_shell") else np.float32
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
