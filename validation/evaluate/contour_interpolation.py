"""A structure between and beyond its contour planes: shape-based interpolation with rounded ends."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray

from validation.case.structure import SAME_PLANE, Structure
from validation.evaluate.contour_areas import area_fractions

FloatArray = NDArray[np.float64]

# Pixels and layers of the interpolation, cm: shapes are blended on these, areas are set afterwards, so that the volume
# does not depend on them.
_PIXEL = 0.05
_LAYER = 0.05
# Planes further apart than this many slice thicknesses belong to separate pieces of the structure.
_GAP = 1.5
# Newton steps in search of the level that gives an area; four are usual.
_STEPS = 40


@dataclass(frozen=True)
class _Line:
    """Pixels along one axis, a whole number in each voxel, covering the structure whether or not the grid does."""

    first: int
    voxels: int
    per_voxel: int
    centres: FloatArray
    step: float


@dataclass(frozen=True)
class _Piece:
    """Consecutive contour planes of a structure.

    `distance` is the signed distance to the contours of each plane, negative inside, cm; `area` in cm².
    """

    planes: FloatArray
    area: FloatArray
    slope: FloatArray
    distance: FloatArray
    thickness: float


def interpolated_fractions(structure: Structure, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    r"""Fraction of each voxel inside a structure that is interpolated between its contours.

    Between two planes the signed distances to their contours are blended linearly (shape-based interpolation), and the
    level of the blend is set so that its area follows the cubic

    .. math:: A(z):\quad A(z_k) = A_k, \qquad A'(z_k) = \text{slope of the parabola through } A_{k-1}, A_k, A_{k+1}

    which is exact for ellipsoids, cones and cylinders; the blend alone loses h²/4R² of a sphere of radius R on planes
    h apart. Beyond the last plane the parabola through the last three areas goes on until it vanishes, at t₀, and the
    contour shrinks with it; a parabola that vanishes only beyond one slice thickness h (or not at all: a flat end) is
    cut at :math:`\tfrac{h}{2}(1 + h/t_0)`, between h, where the next contour would have been drawn, and the half slice
    of a flat end. A piece of two planes is taken as part of a sphere; of one, as a slab. Each connected run of planes
    is a piece; parts of it that end side by side are not rounded off each by itself.

    Parameters
    ----------
    structure : Structure
        Contours in cm.
    x, y, z : array, shape (nx,), (ny,), (nz,)
        Uniform ascending voxel centres, cm.

    Returns
    -------
    ndarray, shape (nx, ny, nz)
        Between 0 and 1.

    References
    ----------
    Raya and Udupa, IEEE Trans. Med. Imaging 9, 32 (1990), doi:10.1109/42.52980: shape-based interpolation.

    Examples
    --------
    >>> from validation.case import Contour, Structure
    >>> turn = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    >>> ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    >>> planes = [-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75]
    >>> ball = Structure("GTV", "target", [Contour(h, (1 - h * h) ** 0.5 * ring) for h in planes], 0.25)
    >>> axis = np.linspace(-1.2, 1.2, 13)
    >>> round(float(interpolated_fractions(ball, axis, axis, axis).sum() * 0.2**3 / (4 / 3 * np.pi)), 2)
    1.0
    """
    dz = float(z[1] - z[0])
    points = np.concatenate([contour.points for contour in structure.contours])
    lines = [_line(axis, points[:, i].min(), points[:, i].max()) for i, axis in enumerate((x, y))]
    fractions = np.zeros((x.size, y.size, z.size))
    inside, window = zip(
        *(_overlap(line, axis.size) for line, axis in zip(lines, (x, y), strict=True)), strict=True
    )
    for piece in _pieces(structure, lines):
        bottom, top = piece.planes[0] - _cap(piece, -1), piece.planes[-1] + _cap(piece, 1)
        cuts = np.concatenate([[bottom, top], piece.planes, z - dz / 2, [z[-1] + dz / 2]])
        cuts = np.unique(cuts[(cuts >= bottom) & (cuts <= top)])
        for low, high in pairwise(cuts):
            k = int(np.floor(((low + high) / 2 - z[0]) / dz + 0.5))
            if not 0 <= k < z.size:
                continue
            edges = np.linspace(low, high, max(1, int(np.ceil((high - low) / _LAYER))) + 1)
            for start, end in pairwise(edges):
                covered = _layer(piece, start, end, lines[0].step, lines[1].step)
                shape = (lines[0].voxels, lines[0].per_voxel, lines[1].voxels, lines[1].per_voxel)
                share = covered.reshape(shape).mean(axis=(1, 3))
                fractions[(*inside, k)] += (end - start) / dz * share[window]
    return np.clip(fractions, 0.0, 1.0, out=fractions)


def _line(axis: FloatArray, low: float, high: float) -> _Line:
    step = float(axis[1] - axis[0])
    # A voxel more on either side: the distance must be known outside the contours too.
    first = int(np.floor((low - axis[0]) / step + 0.5)) - 1
    voxels = int(np.floor((high - axis[0]) / step + 0.5)) + 2 - first
    per_voxel = int(np.ceil(step / _PIXEL))
    pixel = step / per_voxel
    start = axis[0] + (first - 0.5) * step
    return _Line(first, voxels, per_voxel, start + pixel * (np.arange(voxels * per_voxel) + 0.5), pixel)


def _overlap(line: _Line, size: int) -> tuple[slice, slice]:
    """Where the line's voxels lie on the grid, and which of them do."""
    start, stop = max(line.first, 0), max(min(line.first + line.voxels, size), line.first, 0)
    return slice(start, stop), slice(start - line.first, stop - line.first)


def _pieces(structure: Structure, lines: list[_Line]) -> list[_Piece]:
    planes = structure.planes
    ends = np.flatnonzero(np.diff(planes) > _GAP * structure.slice_thickness) + 1
    pieces = []
    for run in np.split(planes, ends):
        areas, distances = [], []
        for plane in run:
            curves = [c for c in structure.contours if abs(c.z - plane) <= SAME_PLANE]
            window, part = area_fractions(
                curves, lines[0].centres, lines[0].step, lines[1].centres, lines[1].step
            )
            covered = np.zeros((lines[0].centres.size, lines[1].centres.size))
            covered[window] = part
            areas.append(covered.sum() * lines[0].step * lines[1].step)
            distances.append(_signed_distance(covered, [line.step for line in lines]))
        area = np.array(areas)
        pieces.append(_Piece(run, area, _slopes(run, area), np.stack(distances), structure.slice_thickness))
    return pieces


def _signed_distance(covered: FloatArray, steps: list[float]) -> FloatArray:
    """Distance of each pixel's centre from the contour, about, negative inside."""
    inside = covered >= 0.5
    if not inside.any():
        inside.flat[int(np.argmax(covered))] = True
    half = max(steps) / 2
    outward, inward = (
        scipy.ndimage.distance_transform_edt(part, sampling=steps) for part in (~inside, inside)
    )
    return np.asarray(np.where(inside, half - inward, outward - half))


def _slopes(planes: FloatArray, area: FloatArray) -> FloatArray:
    """Slope of the area at each plane, from the parabola through it and its neighbours."""
    if planes.size == 1:
        return np.zeros(1)
    steps, secants = np.diff(planes), np.diff(area) / np.diff(planes)
    if planes.size == 2:
        # A'' = −2π of a sphere.
        return np.array([secants[0] + np.pi * steps[0], secants[0] - np.pi * steps[0]])
    bends = np.diff(secants) / (steps[:-1] + steps[1:])
    inner = secants[:-1] + bends * steps[:-1]
    return np.concatenate([[secants[0] - bends[0] * steps[0]], inner, [secants[-1] + bends[-1] * steps[-1]]])


def _end(piece: _Piece, side: int) -> tuple[float, float, float]:
    """Coefficients of the area at a distance t beyond the last plane (side 1) or first (−1): a + b t + c t²."""
    last, neighbour = (-1, -2) if side > 0 else (0, 1)
    area, slope = float(piece.area[last]), side * float(piece.slope[last])
    if piece.planes.size == 1 or slope >= 0:
        return area, 0.0, 0.0
    step = abs(float(piece.planes[last] - piece.planes[neighbour]))
    # The same parabola passes through the neighbour.
    bend = (float(piece.area[neighbour]) - area + slope * step) / step**2
    return area, slope, min(bend, 0.0)


def _cap(piece: _Piece, side: int) -> float:
    """How far the structure reaches beyond its last (side 1) or first plane (−1), cm."""
    a, b, c = _end(piece, side)
    h = piece.thickness
    if b == 0.0:
        return h / 2
    end = -a / b if c == 0.0 else float(-b - np.sqrt(b * b - 4 * a * c)) / (2 * c)
    return end if end <= h else h / 2 * (1 + h / end)


def _area(piece: _Piece, z: float) -> float:
    planes = piece.planes
    if z < planes[0] or z > planes[-1] or planes.size == 1:
        side = 1 if z > planes[-1] else -1
        a, b, c = _end(piece, side)
        t = abs(z - float(planes[-1] if side > 0 else planes[0]))
        return max(a + b * t + c * t * t, 0.0)
    k = min(int(np.searchsorted(planes, z, side="right")) - 1, planes.size - 2)
    h = float(planes[k + 1] - planes[k])
    u = (z - float(planes[k])) / h
    ends, slopes = piece.area[k : k + 2], piece.slope[k : k + 2] * h
    value = (
        (1 + 2 * u) * (1 - u) ** 2 * ends[0]
        + u * u * (3 - 2 * u) * ends[1]
        + u * (1 - u) ** 2 * slopes[0]
        - u * u * (1 - u) * slopes[1]
    )
    # Where neighbouring areas jump the cubic may swing past both: by no more than a quarter of the larger.
    return float(np.clip(value, 0.75 * ends.min(), 1.25 * ends.max()))


def _layer(piece: _Piece, low: float, high: float, dx: float, dy: float) -> FloatArray:
    """Covered part of each pixel in a thin layer."""
    middle = (low + high) / 2
    # Simpson: exact for the cubic.
    area = (_area(piece, low) + 4 * _area(piece, middle) + _area(piece, high)) / 6
    planes = piece.planes
    k = int(np.clip(np.searchsorted(planes, middle, side="right") - 1, 0, max(planes.size - 2, 0)))
    if planes.size == 1 or middle <= planes[0]:
        distance = piece.distance[0]
    elif middle >= planes[-1]:
        distance = piece.distance[-1]
    else:
        w = (middle - planes[k]) / (planes[k + 1] - planes[k])
        distance = (1 - w) * piece.distance[k] + w * piece.distance[k + 1]
    return _at_area(distance, area / (dx * dy), max(dx, dy))


def _at_area(distance: FloatArray, pixels: float, width: float) -> FloatArray:
    """Coverage of the region within the level of `distance` that has an area of so many pixels."""
    low, high = float(distance.min()) - width, float(distance.max()) + width
    level = min(max(0.0, low), high)
    covered = np.zeros_like(distance)
    for _ in range(_STEPS):
        covered = np.clip(0.5 - (distance - level) / width, 0.0, 1.0)
        missing = pixels - covered.sum()
        if abs(missing) <= 1e-6 * max(pixels, 1e-3):
            break
        low, high = (level, high) if missing > 0 else (low, level)
        edge = np.count_nonzero((covered > 0) & (covered < 1))
        level = level + missing * width / edge if edge else 0.5 * (low + high)
        if not low < level < high:
            level = 0.5 * (low + high)
    return covered
