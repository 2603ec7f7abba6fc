"""An ``.egsphant`` file of EGSnrc: voxels of media and densities, read and written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.materials import material_library
from validation.case.egs_text import boundaries, grid_size, numbers, read_text
from validation.case.plain_text import plain_text

FloatArray = NDArray[np.float64]
Planes = tuple[FloatArray, FloatArray, FloatArray]

# One character per voxel: 1 to 9, then letters.
MEDIUM_CHARACTERS = "123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DEFAULT_STEP = 0.25  # the file has a number per medium (ESTEPE) that EGSnrc no longer uses

# Names that users of EGSnrc and egs_brachy give to media, and the medium of the library with that composition.
_KNOWN = {
    "WATER": "water",
    "WATER_0.998": "water",
    "AIR_TG43": "air",
    "AIR_PHANT": "air",
    "ADIPOSE2_WW86": "adipose",
    "ADIPOSE_PHANT": "adipose",
    "MUSCLE2_WW86": "muscle",
    "MUSCLE_PHANT": "muscle",
    "CORTICAL_BONE_WW86": "cortical_bone",
    "GLAND2_WW86": "breast_gland",
    "PROSTATE_WW86": "prostate",
    "URETHRA_WW86": "prostate",
    "SKIN2_WW86": "skin",
    "SKIN_PHANT": "skin",
    "LUNG_BLOODFILLED_WW86": "lung_blood_filled",
    "HEART_BLOODFILLED_WW86": "heart",
    "CARTILAGE_PHANT": "cartilage",
    "CALCIFICATION_ICRU46": "calcification",
    "M_SOFT_TISSUE_ICRU46": "mean_male_soft_tissue",
    "F_SOFT_TISSUE_ICRU46": "mean_female_soft_tissue",
}
_PEGS_WATER, _PEGS_AIR = re.compile(r"H2O\d+ICRU"), re.compile(r"AIR\d+ICRU")


@dataclass(frozen=True)
class EgsPhantom:
    """Media and densities on a rectilinear grid.

    Attributes
    ----------
    planes : tuple of three ndarrays, shapes (nx + 1,), (ny + 1,), (nz + 1,)
        Voxel boundaries, cm.
    medium : ndarray, shape (nx, ny, nz), uint8
        Index into `names`, from 0.
    density : ndarray, shape (nx, ny, nz)
        g/cm³.
    names : tuple of str
        Media as the file calls them.
    """

    planes: Planes
    medium: NDArray[np.uint8]
    density: FloatArray
    names: tuple[str, ...]


def read_egsphant(path: str | Path) -> EgsPhantom:
    r"""Read a phantom of EGSnrc.

    The file holds the number of media and their names, one per line; a number per medium that is not used; nx ny nz;
    the boundaries along x, y and z in cm; one character per voxel for the medium (1 to 9, then letters), x fastest;
    the densities in g/cm³, x fastest.

    Parameters
    ----------
    path : path
        Plain text or gzip.

    Returns
    -------
    EgsPhantom
        [ix, iy, iz].

    Raises
    ------
    InvalidInput
        Missing, truncated or longer than it says, a medium that is not named or vacuum, boundaries that do not
        increase, or a density that is not positive.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.egsphant"
    >>> _ = path.write_text("2\nWATER\nAIR\n0.25 0.25\n2 1 1\n0 1 3\n0 1\n0 1\n12\n1.0 0.0012\n")
    >>> read_egsphant(path).medium.ravel().tolist()
    [0, 1]
    """
    path = Path(path)
    lines = read_text(path, "egsphant file").splitlines()
    first = lines[0].strip() if lines else ""
    count = int(first) if first.isdigit() else 0
    if not 0 < count <= len(MEDIUM_CHARACTERS) or len(lines) < count + 2:
        raise InvalidInput(
            f"number of media of {path.name} is {first[:24]!r}, expected 1 to {len(MEDIUM_CHARACTERS)} on the first "
            f"line, and their names below it. Give an egsphant file."
        )
    names = tuple(line.strip() for line in lines[1 : count + 1])
    words = " ".join(lines[count + 1 :]).split()
    numbers(words[:count], f"step lengths of {path.name}")
    size = grid_size(words[count : count + 3], path.name)
    planes = boundaries(words[count + 3 :], size, path.name)
    start = count + 3 + sum(len(p) for p in planes)
    medium, start = _media(words, start, size, names, path.name)
    voxels = int(np.prod(size))
    if len(words) - start != voxels:
        raise InvalidInput(
            f"{path.name} has {len(words) - start} densities, expected {voxels} ({size[0]} x {size[1]} x {size[2]} "
            f"voxels; it may be truncated). Copy it again."
        )
    density = numbers(words[start:], f"densities of {path.name}").reshape(size, order="F")
    bad = ~(np.isfinite(density) & (density > 0))
    if bad.any():
        where = [int(i) for i in np.argwhere(bad)[0]]
        raise InvalidInput(
            f"density of voxel {where} of {path.name} is {density[tuple(where)]:g} g/cm3, expected > 0 "
            f"({int(bad.sum())} voxel(s) are not). Correct the phantom."
        )
    return EgsPhantom(planes, medium, density, names)


def _media(
    words: list[str], start: int, size: tuple[int, int, int], names: Sequence[str], label: str
) -> tuple[NDArray[np.uint8], int]:
    """Media of the voxels, and where the densities begin; rows may be split by blanks or not at all."""
    voxels, stop, found = int(np.prod(size)), start, 0
    while found < voxels and stop < len(words):
        found += len(words[stop])
        stop += 1
    if found != voxels:
        raise InvalidInput(
            f"{label} has {found} medium characters, expected {voxels} ({size[0]} x {size[1]} x {size[2]} voxels; it "
            f"may be truncated). Copy it again."
        )
    characters = np.frombuffer("".join(words[start:stop]).encode(), dtype=np.uint8)
    code = np.full(256, 255, dtype=np.uint8)
    for k, character in enumerate(MEDIUM_CHARACTERS[: len(names)]):
        code[ord(character)] = code[ord(character.lower())] = k
    medium = code[characters]
    bad = np.flatnonzero(medium == 255)
    if bad.size:
        character = chr(int(characters[bad[0]]))
        reason = "vacuum is not simulated" if character == "0" else f"{len(names)} media are named"
        raise InvalidInput(
            f"medium of voxel {int(bad[0]) + 1} of {label} is {character!r}, expected one of "
            f"{MEDIUM_CHARACTERS[: len(names)]} ({reason}; {bad.size} voxel(s) are not). Correct the phantom."
        )
    return medium.reshape(size, order="F"), stop


def library_media(names: Sequence[str], choices: Mapping[str, str], label: str) -> tuple[str, ...]:
    """Media of the library that stand for those of a file.

    Parameters
    ----------
    names : sequence of str
        As in the file.
    choices : mapping of str to str
        What the user says: name in the file and in the library.
    label : str
        Name of the file.

    Returns
    -------
    tuple of str

    Raises
    ------
    InvalidInput
        A name is neither known nor chosen, or a choice is for a name that is not there.

    Examples
    --------
    >>> library_media(["WATER_0.998", "TUMOUR"], {"TUMOUR": "muscle"}, "a.egsphant")
    ('water', 'muscle')
    """
    library = material_library()
    known = sorted(name for name, entry in library.items() if entry.kind != "seed")
    absent = sorted(set(choices) - set(names))
    if absent:
        raise InvalidInput(
            f"medium {absent[0]!r} is not in {label}, expected one of {', '.join(names)}. Correct the name."
        )
    found = []
    for name in names:
        own = choices.get(name) or _by_name(name)
        if own not in library:
            raise InvalidInput(
                f"medium of {label} is {plain_text(name, '?')!r}, expected one that is known here, or a choice such as "
                f"--medium {plain_text(name, 'NAME')}=muscle. Say which of these it is: {', '.join(known)}."
            )
        found.append(own)
    return tuple(found)


def _by_name(name: str) -> str:
    upper = name.upper()
    if _PEGS_WATER.fullmatch(upper):
        return "water"
    if _PEGS_AIR.fullmatch(upper):
        return "dry_air"
    return _KNOWN.get(upper) or name.lower()


def egsphant_text(phantom: EgsPhantom) -> str:
    """A phantom in the format of EGSnrc; boundaries and densities are read back as they are.

    Parameters
    ----------
    phantom : EgsPhantom
        Densities are written with 9 digits: all that a float32 holds.

    Returns
    -------
    str

    Raises
    ------
    InvalidInput
        More media than the format has characters for.

    Examples
    --------
    >>> p = np.array([0.0, 1.0])
    >>> one = EgsPhantom((p, p, p), np.zeros((1, 1, 1), np.uint8), np.ones((1, 1, 1)), ("water",))
    >>> egsphant_text(one).splitlines()[-3:]
    ['1', '', '1']
    """
    count = len(phantom.names)
    if count > len(MEDIUM_CHARACTERS):
        raise InvalidInput(
            f"phantom has {count} media, expected at most {len(MEDIUM_CHARACTERS)} (an egsphant has one character per "
            f"medium). Join media."
        )
    nx, ny, nz = phantom.medium.shape
    lines = [str(count), *phantom.names, " ".join([str(_DEFAULT_STEP)] * count), f"{nx} {ny} {nz}"]
    lines += [" ".join(f"{v:.10g}" for v in planes) for planes in phantom.planes]
    codes = np.frombuffer(MEDIUM_CHARACTERS.encode(), dtype=np.uint8)[phantom.medium]
    for k in range(nz):
        lines += [codes[:, j, k].tobytes().decode() for j in range(ny)]
        lines.append("")
    for k in range(nz):
        rows = phantom.density[:, :, k].T.tolist()
        lines += [" ".join([f"{v:.9g}" for v in row]) for row in rows]
    return "\n".join(lines) + "\n"
