"""The tables the transport kernels read, made from the elements' data for a list of media.

Mass coefficients are sums over elements by mass fraction. µ_en/ρ comes from the same data,

    µ_en = [σ_ph (E − Σ_l p_l E_l) + σ_inc T̄] / E,

with p_l the mean number of photons of the K or L line l per absorption, vacancies × yield (lines above the cut-off of
elements whose fluorescence is on: what is left out here is transported, all else stays) and T̄ the mean energy
transferred in incoherent scattering, by quadrature over Klein-Nishina × S(x). Radiative losses of electrons are below
1e-4 at these energies and neglected.

The choices of `PhysicsSettings`: without coherent scattering its cross section is zero in the total and in the
sampling. With free electrons the incoherent cross section is Klein-Nishina's for each of the Z electrons of an atom
and S = 1; the sampler and T̄ follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mcsim.cross_sections import ENERGY_MAX_KEV, ENERGY_MIN_KEV, VACANCIES, element_table
from mcsim.kernels.tables import ELECTRON_MASS_KEV, HC_KEV_ANGSTROM, MediumTables
from mcsim.materials import Material
from mcsim.physics_settings import DEFAULT_PHYSICS, PhysicsSettings

FloatArray = NDArray[np.float64]

BINS_PER_KEV = 100
AVOGADRO = 6.02214076e23
ELECTRON_RADIUS = 2.8179403205e-13  # cm, CODATA 2022
MOMENTUM_TRANSFER_MAX = 3.3  # 1/Angstrom; 40 keV back-scattering has 3.23
MOMENTUM_TRANSFER_NODES = 513
TRANSFER_NODES = 96  # of the quadrature over angles


def build_medium_tables(
    materials: Sequence[Material], physics: PhysicsSettings = DEFAULT_PHYSICS
) -> MediumTables:
    """Tables of all media on the uniform energy grid of the kernels.

    Parameters
    ----------
    materials : sequence of Material
        Media in the order of their index in the phantom.
    physics : PhysicsSettings
        Cut-off, coherent and incoherent treatment, fluorescence.

    Returns
    -------
    MediumTables

    Examples
    --------
    >>> from mcsim.materials import material
    >>> tables = build_medium_tables([material("water")])
    >>> round(float(tables.total[2700, 0, 0]), 4)  # cm²/g at 28 keV
    0.4175
    """
    low, high = _bin_ends()
    nodes = MOMENTUM_TRANSFER_MAX * np.linspace(0.0, 1.0, MOMENTUM_TRANSFER_NODES) ** 2
    lines = [_fluorescence_lines(material, physics) for material in materials]
    most_lines = max(1, *(len(energy) for energy, _, _ in lines))

    shape = (len(low), len(materials), 2)
    total, absorption, incoherent, coherent = (np.zeros(shape) for _ in range(4))
    line_energy = np.zeros((len(materials), most_lines))
    line_probability = np.zeros((len(low), len(materials), most_lines))
    coherent_integral = np.zeros((len(materials), len(nodes)))
    incoherent_function = np.zeros((len(materials), len(nodes)))
    for m, (material, (energies, at_low, at_high)) in enumerate(zip(materials, lines, strict=True)):
        inc, coh, photo = (
            _mass_coefficient(material, name) for name in ("incoherent", "coherent", "photoelectric")
        )
        coherent_integral[m], incoherent_function[m] = _form_factors(material, nodes)
        if physics.coherent == "off":
            coh = np.zeros_like(coh)
        if physics.incoherent == "free_electrons":
            inc = electrons_per_gram(material) * klein_nishina(np.array([low, high]))
            incoherent_function[m] = 1.0
        escape = np.array([at_low @ energies, at_high @ energies])
        transfer = _mean_transfer_fraction(incoherent_function[m], np.array([low, high]))
        en = photo * (1.0 - escape / np.array([low, high])) + inc * transfer
        for target, (a, b) in (
            (total, inc + coh + photo),
            (absorption, en),
            (incoherent, inc),
            (coherent, coh),
        ):
            target[:, m, 0] = a
            target[:, m, 1] = (b - a) * BINS_PER_KEV
        count = len(energies)
        line_energy[m, :count] = energies
        # The probability hardly changes within a bin; the mean of its ends keeps the sampled and the µ_en energy equal.
        line_probability[:, m, :count] = np.cumsum(0.5 * (at_low + at_high), axis=1)
    return MediumTables(
        energy_min=ENERGY_MIN_KEV,
        energy_max=ENERGY_MAX_KEV,
        bins_per_kev=float(BINS_PER_KEV),
        total=total,
        energy_absorption=absorption,
        incoherent=incoherent,
        coherent=coherent,
        line_count=np.array([len(energy) for energy, _, _ in lines], dtype=np.int64),
        line_energy=line_energy,
        line_probability=line_probability,
        momentum_transfer_max=MOMENTUM_TRANSFER_MAX,
        coherent_integral=coherent_integral,
        coherent_guide=coherent_guide(coherent_integral),
        incoherent_function=incoherent_function,
    )


def coherent_guide(integral: FloatArray) -> NDArray[np.int16]:
    """Where to begin looking for a value of the integral of F² (Chen and Asau 1974, doi:10.1080/05695557408974949).

    Parameters
    ----------
    integral : ndarray, shape (media, nodes)
        Ascending from 0 in each row.

    Returns
    -------
    ndarray of int16, shape (media, nodes − 1)
        The last node whose integral is at most i/(nodes − 1) of the whole.

    Examples
    --------
    >>> coherent_guide(np.array([[0.0, 8.0, 9.0, 9.5, 10.0]])).tolist()
    [[0, 0, 0, 0]]
    """
    cells = integral.shape[1] - 1
    shares = np.arange(cells) / cells
    # A hair less, so that rounding in the kernel never begins beyond the node.
    return np.array(
        [np.searchsorted(row, shares * row[-1] * (1.0 - 1e-12), side="right") - 1 for row in integral],
        dtype=np.int16,
    )


def mass_energy_absorption(
    material: Material, energy_kev: FloatArray, physics: PhysicsSettings = DEFAULT_PHYSICS
) -> FloatArray:
    """Mass energy-absorption coefficient µ_en/ρ of a medium.

    Parameters
    ----------
    material : Material
        The medium.
    energy_kev : ndarray, shape (n,)
        Photon energies, keV, inside 1-40 keV.
    physics : PhysicsSettings
        Fluorescence above the cut-off is taken as leaving, unless it is switched off.

    Returns
    -------
    ndarray, shape (n,)
        µ_en/ρ, cm²/g.

    Examples
    --------
    >>> from mcsim.materials import material
    >>> round(float(mass_energy_absorption(material("water"), np.array([30.0]))[0]), 3)
    0.156
    """
    tables = build_medium_tables([material], physics)
    energy = np.asarray(energy_kev, dtype=np.float64)
    index = np.clip(((energy - ENERGY_MIN_KEV) * BINS_PER_KEV).astype(int), 0, len(tables.total) - 1)
    above = energy - (ENERGY_MIN_KEV + index / BINS_PER_KEV)
    return np.asarray(tables.energy_absorption[index, 0, 0] + above * tables.energy_absorption[index, 0, 1])


def klein_nishina(energy_kev: FloatArray) -> FloatArray:
    """Cross section of a free electron at rest for incoherent scattering.

    Parameters
    ----------
    energy_kev : ndarray
        Photon energies, keV.

    Returns
    -------
    ndarray
        cm² per electron (Klein and Nishina 1929, doi:10.1007/BF01366453).

    Examples
    --------
    >>> round(float(klein_nishina(np.array([27.4723]))[0]) * 1e24, 6)  # barn
    0.602501
    """
    k = np.asarray(energy_kev, dtype=np.float64) / ELECTRON_MASS_KEV
    log = np.log1p(2.0 * k)
    first = (1.0 + k) / k**2 * (2.0 * (1.0 + k) / (1.0 + 2.0 * k) - log / k)
    return np.asarray(
        2.0 * np.pi * ELECTRON_RADIUS**2 * (first + log / (2.0 * k) - (1.0 + 3.0 * k) / (1.0 + 2.0 * k) ** 2)
    )


def electrons_per_gram(material: Material) -> float:
    """Electrons in a gram of a medium, N_A Σ w Z/A.

    Parameters
    ----------
    material : Material
        The medium.

    Returns
    -------
    float
        1/g.

    Examples
    --------
    >>> from mcsim.materials import material
    >>> f"{electrons_per_gram(material('water')):.3e}"
    '3.341e+23'
    """
    return AVOGADRO * sum(
        fraction * element_table(symbol).atomic_number / element_table(symbol).atomic_weight
        for symbol, fraction in material.fractions.items()
    )


@lru_cache(maxsize=1)
def _bin_ends() -> FloatArray:
    """Lower and upper ends of the energy bins, keV, (2, bins)."""
    edges = (
        ENERGY_MIN_KEV + np.arange(round((ENERGY_MAX_KEV - ENERGY_MIN_KEV) * BINS_PER_KEV) + 1) / BINS_PER_KEV
    )
    return np.array([edges[:-1], edges[1:]])


@lru_cache(maxsize=512)
def _of_element(symbol: str, quantity: str) -> FloatArray:
    """An element's data at both ends of every bin, (2, bins); tissues share most of their elements."""
    ends = _bin_ends()
    centre = 0.5 * (ends[0] + ends[1])
    element = element_table(symbol)
    values = np.array([element.interpolate(quantity, end, centre) for end in ends])
    values.setflags(write=False)
    return values


def _mass_coefficient(material: Material, quantity: str) -> FloatArray:
    """Of a medium, at both ends of every bin, cm²/g, (2, bins)."""
    return np.asarray(
        sum(fraction * _of_element(symbol, quantity) for symbol, fraction in material.fractions.items())
    )


def _fluorescence_lines(
    material: Material, physics: PhysicsSettings
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Line energies and the mean number of each per absorption at both ends of every bin, (bins, lines).

    The most frequent line comes first, so that the sampler finds most photons at once.
    """
    energies: list[float] = []
    columns: list[FloatArray] = []
    photo = _mass_coefficient(material, "photoelectric")
    for symbol, fraction in material.fractions.items():
        element = element_table(symbol)
        followed = np.flatnonzero(element.line_energy >= physics.cut_off_kev)
        if not (len(followed) and physics.follows_fluorescence_of(symbol)):
            continue
        share = fraction * _of_element(symbol, "photoelectric") / photo
        for shell in np.unique(element.line_shell[followed]):
            vacancies = share * _of_element(symbol, VACANCIES[shell])
            for line in followed[element.line_shell[followed] == shell]:
                energies.append(float(element.line_energy[line]))
                columns.append(vacancies * element.line_yield[line])
    if not energies:
        bins = photo.shape[1]
        return np.zeros(0), np.zeros((bins, 0)), np.zeros((bins, 0))
    numbers = np.stack(columns, axis=2)
    order = np.argsort(-numbers.sum(axis=(0, 1)), kind="stable")
    return np.array(energies)[order], numbers[0][:, order], numbers[1][:, order]


def _form_factors(material: Material, nodes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Integral of F² over x² up to each node (per unit mass), and S(x) per electron."""
    f2 = np.zeros_like(nodes)
    s = np.zeros_like(nodes)
    electrons = 0.0
    for symbol, fraction in material.fractions.items():
        element = element_table(symbol)
        atoms = fraction / element.atomic_weight
        f2 += atoms * np.interp(nodes, element.momentum_transfer, element.form_factor) ** 2
        s += atoms * np.interp(nodes, element.momentum_transfer, element.incoherent_scattering_function)
        electrons += atoms * element.atomic_number
    steps = 0.5 * (f2[1:] + f2[:-1]) * np.diff(nodes**2)
    return np.concatenate([[0.0], np.cumsum(steps)]), np.minimum(s / electrons, 1.0)


@lru_cache(maxsize=1)
def _gauss_legendre(points: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights on [−1, 1]: an eigenvalue problem, solved once for all media."""
    return np.polynomial.legendre.leggauss(points)


def _mean_transfer_fraction(incoherent_function: FloatArray, energy: FloatArray) -> FloatArray:
    """Mean fraction of the photon energy given to the electron, Klein-Nishina × S(x)."""
    cosine, weight = _gauss_legendre(TRANSFER_NODES)
    coarse = np.linspace(ENERGY_MIN_KEV, ENERGY_MAX_KEV, 157)
    q = 1.0 / (1.0 + coarse[:, None] / ELECTRON_MASS_KEV * (1.0 - cosine))
    x = coarse[:, None] / HC_KEV_ANGSTROM * np.sqrt(0.5 * (1.0 - cosine))
    nodes = np.linspace(0.0, 1.0, MOMENTUM_TRANSFER_NODES)
    s = np.interp(np.sqrt(x / MOMENTUM_TRANSFER_MAX), nodes, incoherent_function)
    density = q**2 * (q + 1.0 / q - 1.0 + cosine**2) * s * weight
    mean = (density * (1.0 - q)).sum(axis=1) / density.sum(axis=1)
    return np.asarray(np.interp(energy, coarse, mean), dtype=np.float64)
