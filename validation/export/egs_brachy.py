"""An egs_brachy input for the seeds of a case in its own voxels.

The keys are those of egs++ and egs_brachy as their manuals describe them (Chamberland et al. 2016,
DOI 10.1088/0031-9155/61/23/8214; EGSnrc: NRC report PIRS-898); the text is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.materials import material
from mcsim.medium_tables import mass_energy_absorption
from validation.case import Implant
from validation.case.seed_choice import packaged_name

# Folder and name of a seed in egs_brachy's own library, and its spectrum there.
_SEEDS = {
    "OncoSeed 6711": ("I125_LDR/OncoSeed_6711", "OncoSeed_6711", "I125_NCRP_line"),
    "OncoSeed 6702": ("I125_LDR/OncoSeed_6702", "OncoSeed_6702", "I125_NCRP_line"),
    "ThinSeed 9011": ("I125_LDR/ThinSeed_9011", "ThinSeed_9011", "I125_NCRP_line"),
    "ProstaSeed 125SL": ("I125_LDR/ProstaSeed_125SL", "ProstaSeed_125SL", "I125_NCRP_line"),
    "STM1251": ("I125_LDR/STM_1251", "STM_1251", "I125_NCRP_line"),
    "selectSeed 130.002": ("I125_LDR/SelectSeed_130.002", "SelectSeed_130.002", "I125_NCRP_line"),
    "IsoAid IAI-125A": ("I125_LDR/Advantage_IAI_125A", "Advantage_IAI_125A", "I125_NCRP_line"),
    "IsoSeed I25.S06": ("I125_LDR/IsoSeed_I25_S06_S16", "IsoSeed_I25_S06_S16", "I125_NCRP_line"),
    "IsoRay CS-1 Rev2": ("Cs131_LDR/Proxcelan_CS1_rev2", "Proxcelan_CS1_rev2", "Cs131_NNDC_2.6_line"),
    "TheraSeed 200": ("Pd103_LDR/TheraSeed_200", "TheraSeed_200", "Pd103_NNDC_2.6_line"),
}
_LIBRARY = "$EGS_HOME/egs_brachy/lib"
_LOWEST, _HIGHEST = 1.0, 39.999  # keV: the range of the packaged cross sections
_MUEN_POINTS = 2000
_KEV_PER_MEV = 1000.0


def egs_medium(name: str) -> str:
    """Name of a medium of the library in EGS files: at most 24 letters.

    Examples
    --------
    >>> egs_medium("cortical_bone")
    'CORTICAL_BONE'
    """
    return name.upper()[:24]


def rotation(axis: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """Angles α, β (rad) of egs++'s rotation R_x(α) R_y(β) that turns z into an axis.

    egs++ has R_x = [[1,0,0],[0,c,s],[0,-s,c]] and R_y = [[c,0,s],[0,1,0],[-s,0,c]], so that R z =
    (sin β, sin α cos β, cos α cos β).

    Parameters
    ----------
    axis : array_like, shape (3,)
        Unit direction.

    Returns
    -------
    alpha, beta : float

    Examples
    --------
    >>> [round(angle, 6) for angle in rotation([0.0, 0.0, 1.0])]
    [0.0, 0.0]
    """
    x, y, z = (float(v) for v in axis)
    return math.atan2(y, z), math.asin(max(-1.0, min(1.0, x)))


def transformations(implant: Implant) -> str:
    """Places and directions of the seeds, one transformation block each, in the order of the seeds.

    Examples
    --------
    >>> print(transformations(Implant("6711", [[1, 2, 3]], [[0, 0, 1]], [0.6], 59.4, [1])))
    :start transformation:
        translation = 1 2 3
        rotation = 0 0 0
    :stop transformation:
    <BLANKLINE>
    """
    blocks = []
    for position, axis in zip(implant.positions, implant.axes, strict=True):
        place = " ".join(f"{v:.9g}" for v in position)
        alpha, beta = rotation(axis)
        blocks.append(
            f":start transformation:\n    translation = {place}\n    rotation = {alpha:.12g} {beta:.12g} 0\n"
            f":stop transformation:\n"
        )
    return "".join(blocks)


def density_text(media: Sequence[str]) -> str:
    """Nominal densities, which egs_brachy needs beside an egsphant.

    Examples
    --------
    >>> density_text(["water"]).split()
    ['MEDIUM=WATER', 'RHO=0.998']
    """
    return "".join(f"MEDIUM={egs_medium(name)}\nRHO={material(name).density:.9g}\n" for name in media)


def muen_text(media: Sequence[str]) -> str:
    """Mass energy-absorption coefficients of the media, from this program's own cross sections.

    Parameters
    ----------
    media : sequence of str
        Names in the library.

    Returns
    -------
    str
        2000 energies per medium, evenly spaced in their logarithm, 1 to 40 keV.
    """
    energies = np.geomspace(_LOWEST, _HIGHEST, _MUEN_POINTS)
    energies[[0, -1]] = _LOWEST, _HIGHEST
    lines = []
    for name in media:
        values = mass_energy_absorption(material(name), energies)
        lines.append(f"Muen values for medium MEDIUM = {egs_medium(name)}")
        lines.append("Medium used is of the exporting program's tables")
        lines.append(f"Number of energy intervals is {_MUEN_POINTS}")
        lines.append("Energy       Muen")
        pairs = zip(energies / _KEV_PER_MEV, values, strict=True)
        lines += [f"{energy:.9f} MeV {value:.6f} cm^2/g" for energy, value in pairs]
    return "\n".join(lines) + "\n"


def input_text(
    name: str, implant: Implant, media: Sequence[str], histories: int, *, interseed: bool = True
) -> str:
    """The input file.

    Parameters
    ----------
    name : str
        Stem of the files beside it.
    implant : Implant
        Seeds of a model that egs_brachy's library has.
    media : sequence of str
        Media of the phantom, names in the library.
    histories : int
        Histories to run.
    interseed : bool
        All seeds present; otherwise only the emitting one (run mode superposition).

    Returns
    -------
    str

    Raises
    ------
    InvalidInput
        egs_brachy's library has no such seed.
    """
    packaged = packaged_name(implant.model)
    if implant.seed_file or packaged not in _SEEDS:
        raise InvalidInput(
            f"seed model is {implant.model!r}, expected one of {', '.join(_SEEDS)} for egs_brachy (its library has the "
            f"geometry of these). Leave the format egs_brachy out, or describe the seed there."
        )
    folder, seed, spectrum = _SEEDS[packaged]
    source = f"{_LIBRARY}/geometry/sources/{folder}"
    weights = implant.air_kerma_strengths / implant.air_kerma_strengths.mean()
    envelope = "EGS_AEnvelope" if interseed else "EGS_ASwitchedEnvelope"
    mean = float(implant.air_kerma_strengths.mean())
    life = implant.half_life_d * 24.0 / math.log(2.0)
    names = ", ".join(egs_medium(medium) for medium in media)
    blocks = [
        f"""\
# {len(implant)} seeds {implant.model} in the voxels of {name}.egsphant.gz, written by seedmc, not run: check it.
# Assumed:
#  - egs_brachy's own library under {_LIBRARY} holds the seed ({folder}) and its media;
#  - run it in the folder of these files, or put full paths;
#  - lengths in cm, in the patient frame (x to the left, y posterior, z superior);
#  - beyond the phantom is vacuum: seeds nearer than some cm to its faces lose backscatter there;
#  - tissues are defined below by mass fractions; densities are those of the phantom's voxels;
#  - {name}.muendat holds this program's mass energy-absorption coefficients (1 to 40 keV), for a comparison of
#    transport alone. Take egs_brachy's own file for an independent one;
#  - the dose is in Gy per history. To full decay, with a dose D from one photon of each seed (as weighted below):
#      dose / Gy = D * {mean:.6g} U * {life:.6g} h / (air-kerma strength per history in Gy cm^2) * 1e-2
#    Check whether your version counts a history per seed or in all seeds together.
""",
        ":start run control:\n    ncase = " + str(int(histories)) + "\n:stop run control:\n",
        f":start run mode:\n    run mode = {'normal' if interseed else 'superposition'}\n:stop run mode:\n",
        _media_definition(media),
        f"""\
:start geometry definition:

    :start geometry:
        name = phantom
        library = egs_glib
        type = egsphant
        egsphant file = {name}.egsphant.gz
        density file = {name}.density
    :stop geometry:

    :start geometry:
        name = seed
        library = egs_glib
        include file = {source}/{seed}.geom
    :stop geometry:

    :start geometry:
        name = phantom_and_seeds
        library = egs_autoenvelope
        type = {envelope}
        base geometry = phantom
        :start inscribed geometry:
            inscribed geometry name = seed
            :start transformations:
                include file = {name}.transformations
            :stop transformations:
            :start region discovery:
                action = discover
                density of random points (cm^-3) = 1E8
                include file = {source}/boundary.shape
            :stop region discovery:
        :stop inscribed geometry:
    :stop geometry:

    source geometries = seed
    phantom geometries = phantom
    # of the run mode superposition only
    {"# " if interseed else ""}source envelope geometry = phantom_and_seeds
    simulation geometry = phantom_and_seeds

:stop geometry definition:
""",
        f"""\
# voxels that a seed partly fills score in their tissue part
:start volume correction:
    :start source volume correction:
        correction type = correct
        density of random points (cm^-3) = 1E8
        include file = {source}/boundary.shape
    :stop source volume correction:
:stop volume correction:
""",
        f"""\
:start source definition:
    :start source:
        name = photons
        library = egs_isotropic_source
        charge = 0
        include file = {source}/{seed}.shape
        :start spectrum:
            type = tabulated spectrum
            spectrum file = {_LIBRARY}/spectra/{spectrum}.spectrum
        :stop spectrum:
    :stop source:
    :start transformations:
        include file = {name}.transformations
    :stop transformations:
    simulation source = photons
    # air-kerma strength over the mean of {mean:.6g} U
    source weights = {" ".join(f"{w:.9g}" for w in weights)}
:stop source definition:
""",
        f"""\
:start scoring options:
    score tracklength dose = yes
    muen file = {name}.muendat
    muen for media = {names}
    dose file format = gzip
:stop scoring options:
""",
        f"include file = {_LIBRARY}/transport/low_energy_default\n",
    ]
    return "\n".join(blocks)


def _media_definition(media: Sequence[str]) -> str:
    lines = [":start media definition:", "    AE = 0.512", "    UE = 2.012", "    AP = 0.001", "    UP = 1.500", "",
             "    # the media of the seed", f"    material data file = {_LIBRARY}/media/material.dat", ""]  # fmt: skip
    for name in media:
        entry = material(name)
        symbols = ", ".join(symbol.upper() for symbol in entry.fractions)
        shares = ", ".join(f"{fraction:.9g}" for fraction in entry.fractions.values())
        lines.append(f"    :start {egs_medium(name)}:")
        lines += [f"        elements = {symbols}", f"        mass fractions = {shares}"]
        lines += [f"        rho = {entry.density:.9g}", f"    :stop {egs_medium(name)}:"]
    return "\n".join([*lines, ":stop media definition:", ""])
