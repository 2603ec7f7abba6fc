"""Cross sections, form factors and fluorescence of the elements, 1-40 keV, from the packaged table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from mcsim import hdf5_file
from mcsim.invalid_input import InvalidInput

FloatArray = NDArray[np.float64]

ENERGY_MIN_KEV = 1.0
ENERGY_MAX_KEV = 40.0
VACANCIES = ("vacancies_k", "vacancies_l1", "vacancies_l2", "vacancies_l3")


@dataclass(frozen=True)
class ElementTable:
    """Tabulated photon data of one element.

    Attributes
    ----------
    symbol : str
        Chemical symbol.
    atomic_number : int
        Z.
    atomic_weight : float
        Standard atomic weight, g/mol.
    energy : ndarray, shape (n,)
        Photon energies, keV, with a point on either side of each edge.
    edges : ndarray, shape (k,)
        Absorption edges inside the table, keV.
    photoelectric, incoherent, coherent : ndarray, shape (n,)
        Mass attenuation coefficients, cm²/g.
    vacancies_k, vacancies_l1, vacancies_l2, vacancies_l3 : ndarray, shape (n,)
        Vacancies in a shell per photoelectric absorption, those that the cascade makes included.
    momentum_transfer : ndarray, shape (m,)
        x = sin(θ/2)/λ, 1/Å.
    form_factor, incoherent_scattering_function : ndarray, shape (m,)
        F(x) and S(x).
    line_shell : ndarray of int, shape (j,)
        Shell of each fluorescence line: 0 K, 1 L1, 2 L2, 3 L3.
    line_energy, line_yield : ndarray, shape (j,)
        Energies of the lines above 1 keV, keV, and photons per vacancy of the shell.
    shell_edge, shell_yield : ndarray, shape (4,)
        Edges, keV, and fluorescence yields of K, L1, L2, L3; 0 where the element has none.
    """

    symbol: str
    atomic_number: int
    atomic_weight: float
    energy: FloatArray
    edges: FloatArray
    photoelectric: FloatArray
    incoherent: FloatArray
    coherent: FloatArray
    vacancies_k: FloatArray
    vacancies_l1: FloatArray
    vacancies_l2: FloatArray
    vacancies_l3: FloatArray
    momentum_transfer: FloatArray
    form_factor: FloatArray
    incoherent_scattering_function: FloatArray
    line_shell: NDArray[np.int32]
    line_energy: FloatArray
    line_yield: FloatArray
    shell_edge: FloatArray
    shell_yield: FloatArray

    def interpolate(self, quantity: str, energy: FloatArray, side_of: FloatArray | None = None) -> FloatArray:
        """Log-log interpolation of a tabulated quantity, never across an absorption edge.

        Parameters
        ----------
        quantity : str
            ``photoelectric``, ``incoherent``, ``coherent`` or one of the ``vacancies``.
        energy : ndarray, shape (k,)
            Photon energies, keV.
        side_of : ndarray, shape (k,), optional
            Energies that decide on which side of an edge to interpolate; `energy` itself by default. A table
            with bins gives the bin centres here, so that a bin belongs to one side as a whole.

        Returns
        -------
        ndarray, shape (k,)
            In the unit of the quantity.

        Examples
        --------
        >>> oxygen = element_table("O")
        >>> round(float(oxygen.interpolate("photoelectric", np.array([28.0]))[0]), 4)
        0.2056
        """
        energy = np.asarray(energy, dtype=np.float64)
        side_of = energy if side_of is None else np.asarray(side_of, dtype=np.float64)
        values = getattr(self, quantity)
        result = np.empty_like(energy)
        branch_of = np.searchsorted(self.edges, side_of, side="right")
        branch_of_node = np.searchsorted(self.edges, self.energy, side="right")
        for branch in np.unique(branch_of):
            nodes = branch_of_node == branch
            here = branch_of == branch
            result[here] = _log_log(energy[here], self.energy[nodes], values[nodes])
        return result


def _log_log(x: FloatArray, nodes: FloatArray, values: FloatArray) -> FloatArray:
    """Log-log interpolation that goes on linearly (in logarithms) past the ends; zeros stay zero."""
    if len(nodes) < 2 or not np.all(values > 0.0):
        return np.interp(x, nodes, values) if len(nodes) else np.zeros_like(x)
    log_nodes, log_values = np.log(nodes), np.log(values)
    i = np.clip(np.searchsorted(nodes, x, side="right") - 1, 0, len(nodes) - 2)
    slope = (log_values[i + 1] - log_values[i]) / (log_nodes[i + 1] - log_nodes[i])
    return np.asarray(np.exp(log_values[i] + slope * (np.log(x) - log_nodes[i])))


@lru_cache(maxsize=1)
def _all_elements() -> tuple[dict[str, ElementTable], str]:
    resource = files("mcsim.data") / "cross_sections.h5"
    with as_file(resource) as path, hdf5_file.open_checked(path, "seedmc-cross-sections", 2) as file:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        symbols = file["symbol"].asstr()[()]
        numbers, weights = file["atomic_number"][()], file["atomic_weight"][()]
        columns = {name: file[name][()] for name in file if "offsets" in file[name].attrs}
        columns = {n: v.astype(np.float64) if v.dtype.kind == "f" else v for n, v in columns.items()}
        offsets = {name: file[name].attrs["offsets"] for name in columns}
        tables: dict[str, ElementTable] = {}
        for k, symbol in enumerate(symbols):
            part = {
                name: values[offsets[name][k] : offsets[name][k + 1]]
                for name, values in columns.items()
                if name != "momentum_transfer"
            }
            tables[symbol] = ElementTable(
                symbol=symbol,
                atomic_number=int(numbers[k]),
                atomic_weight=float(weights[k]),
                momentum_transfer=columns["momentum_transfer"],
                **part,
            )
    return tables, digest


def element_table(symbol: str) -> ElementTable:
    """Photon data of an element.

    Parameters
    ----------
    symbol : str
        Chemical symbol, H to Bi.

    Returns
    -------
    ElementTable

    Raises
    ------
    InvalidInput
        The element is not in the table.

    Examples
    --------
    >>> element_table("Ag").shell_edge.tolist()  # K, L1, L2, L3
    [25.514, 3.8058, 3.5237, 3.3511]
    """
    tables, _ = _all_elements()
    if symbol not in tables:
        raise InvalidInput(
            f"element is {symbol!r}, expected a chemical symbol from H to Bi "
            f"(the cross-section table ends there). Correct the composition."
        )
    return tables[symbol]


def element_symbols() -> tuple[str, ...]:
    """Symbols of the elements in the table, by atomic number.

    Examples
    --------
    >>> element_symbols()[0], element_symbols()[-1]
    ('H', 'Bi')
    """
    return tuple(_all_elements()[0])


def cross_section_digest() -> str:
    """SHA-256 of the packaged cross-section file, for settings digests.

    Examples
    --------
    >>> len(cross_section_digest())
    64
    """
    return _all_elements()[1]
