"""A phantom of EGSnrc with seeds as a `Case`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcsim.hounsfield import DEFAULT_CURVE
from mcsim.invalid_input import InvalidInput
from validation.case.case import Case, Prescription
from validation.case.egs_phantom import library_media, read_egsphant
from validation.case.image import Image, TissueMap
from validation.case.implant import Implant
from validation.case.masks import structure_of_voxels
from validation.case.plain_text import plain_text
from validation.case.structure import Structure

FloatArray = NDArray[np.float64]

AROUND_SEEDS = "AROUND_SEEDS"


def read_egsphant_phantom(path: str | Path, media: Mapping[str, str]) -> tuple[Image, TissueMap, str]:
    """Image and tissue map of an ``.egsphant``.

    Parameters
    ----------
    path : path
        Plain text or gzip; the voxels are evenly spaced.
    media : mapping of str to str
        Media of the library for names in the file that are not known here.

    Returns
    -------
    image : Image
        CT numbers that the packaged curve gives the densities; for looking at.
    tissue : TissueMap
        Media and densities as in the file.
    words : str
        Which medium of the file is which of the library.

    Raises
    ------
    InvalidInput
        See `read_egsphant`; the spacing is uneven, or a medium is unknown.
    """
    path = Path(path)
    phantom = read_egsphant(path)
    names = library_media(phantom.names, media, path.name)
    x, y, z = (0.5 * (p[1:] + p[:-1]) for p in phantom.planes)
    curve = DEFAULT_CURVE
    hu = np.interp(phantom.density, curve.density, curve.hu)
    words = ", ".join(
        f"{plain_text(own, '?')} is {name}" for own, name in zip(phantom.names, names, strict=True)
    )
    density = phantom.density.astype(np.float32)
    return Image(hu.astype(np.float32), x, y, z), TissueMap(phantom.medium, density, names), words


def around_seeds(implant: Implant, margin: float, image: Image) -> Structure:
    """Voxels near a seed, as the target of a phantom that has no structures.

    Parameters
    ----------
    implant : Implant
        Seeds.
    margin : float
        Largest distance of a voxel's centre from the nearest seed's centre, cm.
    image : Image
        Whose voxels.

    Returns
    -------
    Structure
        ``AROUND_SEEDS``.

    Raises
    ------
    InvalidInput
        The margin is not positive, or smaller than a voxel.

    Examples
    --------
    >>> from validation.case import built_in
    >>> neck = built_in("neck")
    >>> around_seeds(neck.implant, 0.5, neck.image).role
    'target'
    """
    if not (np.isfinite(margin) and margin > 0):
        raise InvalidInput(f"margin around the seeds is {10 * margin:g} mm, expected > 0. Correct it.")
    squared = np.full(image.hu.shape, np.inf)
    for position in implant.positions:
        dx, dy, dz = ((c - p) ** 2 for c, p in zip((image.x, image.y, image.z), position, strict=True))
        np.minimum(squared, dx[:, None, None] + dy[None, :, None] + dz[None, None, :], out=squared)
    inside = squared <= margin**2
    if not inside.any():
        raise InvalidInput(
            f"margin around the seeds is {10 * margin:g} mm, expected more than half a voxel (no voxel's centre lies "
            f"that near). Give a larger one."
        )
    return structure_of_voxels(AROUND_SEEDS, "target", inside, image.x, image.y, image.z)


def egsphant_case(
    path: str | Path,
    implant: Implant,
    structures: Sequence[Structure],
    prescription: Prescription,
    media: Mapping[str, str],
) -> Case:
    """Put an ``.egsphant``, seeds and structures together.

    Parameters
    ----------
    path : path
        Phantom.
    implant : Implant
        Seeds in the phantom's frame.
    structures : sequence of Structure
        For example from masks.
    prescription : Prescription
        Dose and target.
    media : mapping of str to str
        See `read_egsphant_phantom`.

    Returns
    -------
    Case
        Its tissue map decides the dose; structures and seeds in the phantom's frame, which is taken as LPS.

    Raises
    ------
    InvalidInput
        See `read_egsphant_phantom` and `Case`.
    """
    image, tissue, words = read_egsphant_phantom(path, media)
    name = Path(path).name.split(".egsphant")[0]
    return Case(
        name=plain_text(name, "phantom"),
        image=image,
        structures={structure.name: structure for structure in structures},
        implant=implant,
        prescription=prescription,
        provenance={
            "origin": "EGSnrc phantom",
            "phantom": plain_text(Path(path).name, "phantom"),
            "media": words,
            "ct_numbers": f"from densities by the curve {DEFAULT_CURVE.name}; for looking at",
        },
        tissue=tissue,
    )
