"""From CT numbers to mass density and medium."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.materials import material

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class HounsfieldCurve:
    """Mass density against CT number, linear between nodes, and media by CT number.

    Attributes
    ----------
    hu, density : tuple of float
        Nodes of the density curve, HU ascending and g/cm³; constant beyond the ends.
    upper_hu : tuple of float
        Upper end of each medium's bin, HU, ascending; the last is infinite.
    media : tuple of str
        Medium of each bin.
    source : str
        Where the figures come from.

    Raises
    ------
    InvalidInput
        Nodes or bins do not ascend, a density is not positive or a medium is unknown.
    """

    hu: tuple[float, ...]
    density: tuple[float, ...]
    upper_hu: tuple[float, ...]
    media: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        for name, values in (("hu", self.hu), ("upper_hu", self.upper_hu)):
            if np.any(np.diff(values) <= 0.0):
                raise InvalidInput(
                    f"{name} of the CT curve is {values}, expected ascending values. Sort them."
                )
        if len(self.hu) != len(self.density) or min(self.density) <= 0.0:
            raise InvalidInput(
                f"density of the CT curve is {self.density} g/cm³, expected {len(self.hu)} positive values. Correct it."
            )
        if len(self.upper_hu) != len(self.media) or self.upper_hu[-1] != np.inf:
            raise InvalidInput(
                f"upper_hu of the CT curve is {self.upper_hu}, expected one value for each of {len(self.media)} media, "
                f"the last infinite. Correct it."
            )
        for name in self.media:
            material(name)


# Density: Schneider et al. 2000 (doi:10.1088/0031-9155/45/2/314): 1.018 + 0.893e-3 HU up to 14, 1.003 + 1.169e-3 HU
# from 23 to 100, 1.017 + 0.592e-3 HU above; a straight line from air to −98 HU. Media: bins for the neck after TG-186
# (doi:10.1118/1.4747264). Between air and fat stand only partial volumes of air and soft tissue at surfaces.
DEFAULT_CURVE = HounsfieldCurve(
    hu=(-1000.0, -98.0, 14.0, 23.0, 100.0, 101.0, 3000.0),
    density=(0.0012, 0.9305, 1.0305, 1.0299, 1.1199, 1.0768, 2.793),
    upper_hu=(-850.0, -150.0, -30.0, 120.0, 300.0, 700.0, np.inf),
    media=(
        "air",
        "mean_male_soft_tissue",
        "adipose",
        "muscle",
        "cartilage",
        "spongiosa",
        "cortical_bone",
    ),
    source="density: Schneider et al. 2000; media: bins after TG-186",
)


def media_from_hounsfield(
    hu: NDArray[np.floating], curve: HounsfieldCurve = DEFAULT_CURVE
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Medium and mass density of voxels from their CT numbers.

    Parameters
    ----------
    hu : ndarray
        CT numbers, HU, any shape.
    curve : HounsfieldCurve
        Density nodes and media bins.

    Returns
    -------
    medium : ndarray of uint8
        Index into ``curve.media``.
    density : ndarray of float32
        g/cm³.

    Raises
    ------
    InvalidInput
        A CT number is not finite.

    Examples
    --------
    >>> medium, density = media_from_hounsfield(np.array([-1000.0, 50.0]))
    >>> [DEFAULT_CURVE.media[m] for m in medium]
    ['air', 'muscle']
    """
    hu = np.asarray(hu, dtype=np.float64)
    bad = np.argwhere(~np.isfinite(hu))
    if len(bad):
        raise InvalidInput(
            f"CT number of voxel {tuple(int(i) for i in bad[0])} is not finite, expected numbers in HU "
            f"({len(bad)} voxels). Repair the image."
        )
    medium = np.searchsorted(np.array(curve.upper_hu), hu, side="right").astype(np.uint8)
    density = np.interp(hu, curve.hu, curve.density).astype(np.float32)
    return medium, density
