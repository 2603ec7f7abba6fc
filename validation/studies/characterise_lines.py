"""Where the photons that leave a seed come from: emitted lines and fluorescence, by element and shell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mcsim.cross_sections import element_table
from mcsim.materials import material
from mcsim.medium_tables import mass_energy_absorption
from mcsim.phase_space import AIR_KERMA_CUT_OFF_KEV
from mcsim.physics_settings import PhysicsSettings
from mcsim.seed_model import SeedModel

FloatArray = NDArray[np.float64]

# Kα lines (to the L shell) lie below this share of the K edge, Kβ lines (to higher shells) above it: Kα of Al is
# at 0.953, of Cs at 0.861; Kβ of Cs at 0.972.
KBETA_SHARE_OF_EDGE = 0.965


def line_origins(model: SeedModel, line_energy: FloatArray) -> list[str]:
    """What each line is: the radionuclide for an emitted line, else the element and series, such as ``Ag Kα``.

    Parameters
    ----------
    model : SeedModel
        The seed.
    line_energy : ndarray, shape (n,)
        Energies, keV, to the last bit those of the spectrum or of the elements' tables.

    Returns
    -------
    list of str, length n

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> line_origins(load_seed_model("6711"), np.array([27.4723, element_table("Ag").line_energy.max()]))
    ['I-125', 'Ag Kβ']
    """
    known: dict[float, str] = {}
    for medium in model.materials:
        for symbol in medium.fractions:
            element = element_table(symbol)
            for energy, shell in zip(element.line_energy, element.line_shell, strict=True):
                beyond_alpha = energy > KBETA_SHARE_OF_EDGE * element.shell_edge[0]
                known[float(energy)] = f"{symbol} " + ("L" if shell > 0 else "Kβ" if beyond_alpha else "Kα")
    known.update(dict.fromkeys(model.spectrum.energy_kev, model.spectrum.radionuclide))
    return [known[float(energy)] for energy in line_energy]


def fluorescence_groups(model: SeedModel, line_energy: FloatArray) -> tuple[list[str], FloatArray]:
    """Fluorescence lines by element and shell.

    Parameters
    ----------
    model : SeedModel
        The seed.
    line_energy : ndarray, shape (n,)
        As in `line_origins`, ascending.

    Returns
    -------
    names : list of str, length g
        Such as ``Ag Kα``, by falling energy.
    member : ndarray, shape (g, n)
        1 where a line belongs to the group.

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> seed = load_seed_model("6711")
    >>> fluorescence_groups(seed, np.sort(element_table("Ag").line_energy))[0]
    ['Ag Kβ', 'Ag Kα', 'Ag L']
    """
    origins = line_origins(model, line_energy)
    names = list(dict.fromkeys(o for o in reversed(origins) if o != model.spectrum.radionuclide))
    return names, np.array([[float(o == name) for o in origins] for name in names]).reshape(-1, len(origins))


def strength_per_photon(line_energy: FloatArray, physics: PhysicsSettings) -> FloatArray:
    """E µ_en/ρ in dry air of each line, keV cm²/g; 0 below the cut-off of the air-kerma strength.

    Examples
    --------
    >>> bool(strength_per_photon(np.array([4.5]), PhysicsSettings())[0] == 0.0)
    True
    """
    kerma = line_energy * mass_energy_absorption(material("dry_air"), line_energy, physics)
    return np.where(line_energy >= AIR_KERMA_CUT_OFF_KEV, kerma, 0.0)
