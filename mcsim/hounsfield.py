"""From CT numbers to mass density and medium."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcsim.file_entry import check_keys, number, text
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
    name : str
        Short name.

    Raises
    ------
    InvalidInput
        Nodes or bins do not ascend or are not finite, a density is not positive or a medium is unknown.
    """

    hu: tuple[float, ...]
    density: tuple[float, ...]
    upper_hu: tuple[float, ...]
    media: tuple[str, ...]
    source: str
    name: str = "own"

    def __post_init__(self) -> None:
        finite = (*self.hu, *self.density, *self.upper_hu[:-1])
        if not self.hu or not np.isfinite(finite).all():
            raise InvalidInput(
                f"values of the CT curve {self.name} are {finite}, expected finite numbers, at least one node "
                f"(only the last medium's bin is open). Correct them."
            )
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

    def record(self) -> dict[str, object]:
        """The curve as plain values in the layout of a curve file, for the settings of a result."""
        bins: list[dict[str, object]] = [
            {"below_hu": upper, "medium": medium}
            for upper, medium in zip(self.upper_hu[:-1], self.media[:-1], strict=True)
        ]
        return {
            "name": self.name,
            "source": self.source,
            "density": [{"hu": h, "g_cm3": d} for h, d in zip(self.hu, self.density, strict=True)],
            "media": [*bins, {"medium": self.media[-1]}],
        }


CURVE_KEYS = ("name", "source", "density", "media")
PACKAGED_CURVES = ("neck", "thorax", "schneider2000")


def curve_from_entry(entry: Mapping[str, Any]) -> HounsfieldCurve:
    """A curve from the object of a curve file.

    Parameters
    ----------
    entry : mapping
        With ``name``, ``source``, ``density`` (nodes) and ``media`` (bins), see the page on the curve file.

    Returns
    -------
    HounsfieldCurve

    Raises
    ------
    InvalidInput
        A key is missing, a value is not a finite number, nodes or bins do not ascend, or a medium is unknown.

    Examples
    --------
    >>> curve = curve_from_entry({
    ...     "name": "two", "source": "example",
    ...     "density": [{"hu": -1000, "g_cm3": 0.0012}, {"hu": 0, "g_cm3": 1.0}],
    ...     "media": [{"below_hu": -500, "medium": "air"}, {"medium": "water"}],
    ... })
    >>> curve.media
    ('air', 'water')
    """
    name = text(entry["name"], "name of the CT curve")
    what = f"CT curve {name}"
    nodes, bins = (_objects(entry[key], f"{key} of the {what}") for key in ("density", "media"))
    for k, node in enumerate(nodes, start=1):
        check_keys(node, f"node {k} of the {what}", ("hu", "g_cm3"))
    upper: list[float] = []
    for k, part in enumerate(bins, start=1):
        last = k == len(bins)
        check_keys(part, f"bin {k} of the {what}", ("medium",) if last else ("below_hu", "medium"))
        upper.append(
            np.inf
            if last
            else number(part["below_hu"], f"below_hu of bin {k} of the {what}", "HU", any_sign=True)
        )
    return HounsfieldCurve(
        hu=tuple(number(n["hu"], f"hu of node {k} of the {what}", "HU", any_sign=True)
                 for k, n in enumerate(nodes, start=1)),
        density=tuple(number(n["g_cm3"], f"g_cm3 of node {k} of the {what}", "g/cm³")
                      for k, n in enumerate(nodes, start=1)),
        upper_hu=tuple(upper),
        media=tuple(text(part["medium"], f"medium of bin {k} of the {what}")
                    for k, part in enumerate(bins, start=1)),
        source=text(entry["source"], f"source of the {what}"),
        name=name,
    )  # fmt: skip


def _objects(value: object, what: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not value:
        raise InvalidInput(f"{what} is {value!r}, expected a list of objects. Correct the file.")
    return value


@lru_cache(maxsize=len(PACKAGED_CURVES))
def packaged_curve(name: str) -> HounsfieldCurve:
    """A curve of the library.

    Parameters
    ----------
    name : str
        ``neck`` (the default), ``thorax`` or ``schneider2000``; each file says where its figures come from.

    Raises
    ------
    InvalidInput
        There is none of this name; the known ones are listed.

    Examples
    --------
    >>> packaged_curve("thorax").media[1]
    'lung'
    """
    if name not in PACKAGED_CURVES:
        raise InvalidInput(
            f"CT curve is {name!r}, expected one of {', '.join(PACKAGED_CURVES)}, or a file. Use a known name."
        )
    content = (files("mcsim.data") / "hounsfield" / f"{name}.json").read_text(encoding="utf-8")
    return curve_from_entry(json.loads(content))


DEFAULT_CURVE = packaged_curve("neck")


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
