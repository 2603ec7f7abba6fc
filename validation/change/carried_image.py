"""The CT of tissue that moved, and quantities on any voxel grid carried the same way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from mcsim.hounsfield import DEFAULT_CURVE, HounsfieldCurve
from mcsim.invalid_input import InvalidInput
from mcsim.materials import material
from validation.case import Image
from validation.change.tissue_field import TissueField

FloatArray = NDArray[np.float64]
Grid = tuple[FloatArray, FloatArray, FloatArray]


def moved_voxels(grid: Grid, field: TissueField, ratio: float) -> tuple[NDArray[np.intp], FloatArray]:
    """Voxels whose tissue came from elsewhere, as flat indices (k,), and from where, (k, 3) in cm.

    Parameters
    ----------
    grid : tuple of three ndarrays
        Voxel centres, cm.
    field : TissueField
        How tissue moves.
    ratio : float
        Volume ratio of the target.
    """
    # Only places that the field's own grid covers can move.
    upper = field.low + field.step * (np.array(field.distance.shape) - 1)
    windows = [
        np.flatnonzero((c >= low) & (c <= high)) for c, low, high in zip(grid, field.low, upper, strict=True)
    ]
    shape = tuple(len(c) for c in grid)
    index = np.ravel_multi_index(np.meshgrid(*windows, indexing="ij"), shape).ravel()
    places = np.stack(
        np.meshgrid(*(np.asarray(c)[w] for c, w in zip(grid, windows, strict=True)), indexing="ij"), axis=-1
    ).reshape(-1, 3)
    if ratio == 1.0:
        return index[:0], places[:0]
    origin = field.origin(places, ratio)
    elsewhere = (origin != places).any(axis=1)
    return index[elsewhere], origin[elsewhere]


def sampled(grid: Grid, values: NDArray[np.floating], points: FloatArray) -> FloatArray:
    """Values at places by linear interpolation between voxel centres; beyond the grid those of its edge.

    Parameters
    ----------
    grid : tuple of three ndarrays
        Uniform voxel centres, cm.
    values : ndarray, shape (nx, ny, nz)
    points : ndarray, shape (m, 3)
        cm.

    Examples
    --------
    >>> grid = (np.array([0.0, 1.0]),) * 3
    >>> sampled(grid, np.arange(8.0).reshape(2, 2, 2), np.array([[0.5, 0.0, 0.0], [0.0, 0.0, 9.0]])).tolist()
    [2.0, 1.0]
    """
    place = [(points[:, k] - c[0]) * ((len(c) - 1) / (c[-1] - c[0])) for k, c in enumerate(grid)]
    return np.asarray(
        map_coordinates(
            np.asarray(values, dtype=np.float64), place, order=1, mode="nearest", output=np.float64
        )
    )


def carried(grid: Grid, values: NDArray[np.floating], field: TissueField, ratio: float) -> FloatArray:
    """An intensive quantity on voxels (a density, a fraction, a CT number) after the tissue moved.

    q_t(y) = q(φ⁻¹(y)), linear between voxel centres; voxels whose tissue did not move keep their value as it is.

    Parameters
    ----------
    grid : tuple of three ndarrays
        Uniform voxel centres, cm.
    values : ndarray, shape (nx, ny, nz)
        In the reference geometry.
    field : TissueField
        How tissue moves.
    ratio : float
        Volume ratio of the target.

    Returns
    -------
    ndarray, shape (nx, ny, nz)

    Raises
    ------
    InvalidInput
        The shape is not that of the grid, or the field would fold.
    """
    if values.shape != tuple(len(c) for c in grid):
        raise InvalidInput(
            f"shape of the values is {values.shape}, expected {tuple(len(c) for c in grid)} as of the grid. Correct it."
        )
    result = np.array(values, dtype=np.float64)
    index, origin = moved_voxels(grid, field, ratio)
    result.ravel()[index] = sampled(grid, values, origin)
    return result


def carried_image(
    image: Image,
    field: TissueField,
    ratio: float,
    fluid: str = "tissue",
    curve: HounsfieldCurve = DEFAULT_CURVE,
) -> Image:
    """CT after the tissue moved.

    Parameters
    ----------
    image : Image
        CT of the reference geometry.
    field : TissueField
        How tissue moves.
    ratio : float
        Volume ratio R of the target.
    fluid : {"tissue", "water"}
        What fills or leaves the target's volume: ``tissue`` keeps CT numbers, hence medium and density; ``water``
        gives the target and its plateau the CT number at which `curve` has the density (ρ + (R − 1) ρ_water)/R.
    curve : HounsfieldCurve
        Mass density by CT number; counts for water only.

    Returns
    -------
    Image
        On the same voxels; the same image at the ratio 1.
    """
    grid = (image.x, image.y, image.z)
    index, origin = moved_voxels(grid, field, ratio)
    if not len(index):
        return image
    numbers = sampled(grid, image.hu, origin)
    if fluid == "water":
        swollen = field.weights(origin)[0] == 1.0
        numbers[swollen] = _mixed_with_water(numbers[swollen], ratio, curve)
    hu = np.array(image.hu)
    hu.ravel()[index] = numbers
    return Image(hu, image.x, image.y, image.z)


def _mixed_with_water(hu: FloatArray, ratio: float, curve: HounsfieldCurve) -> FloatArray:
    """CT numbers of tissue whose volume water brought to R times its own."""
    density = np.interp(hu, curve.hu, curve.density)
    mixed = (density + (ratio - 1.0) * material("water").density) / ratio
    # Density does not rise everywhere along a curve: of the numbers that have the density, the nearest is taken.
    found, farthest = hu.copy(), np.full(hu.shape, np.inf)
    for k in range(len(curve.hu) - 1):
        (low, high), (start, end) = curve.hu[k : k + 2], curve.density[k : k + 2]
        if start == end:
            continue
        share = (mixed - start) / (end - start)
        number = low + share * (high - low)
        nearer = (share >= 0.0) & (share <= 1.0) & (np.abs(number - hu) < farthest)
        found[nearer], farthest[nearer] = number[nearer], np.abs(number - hu)[nearer]
    return found
