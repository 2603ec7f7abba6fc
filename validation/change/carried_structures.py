"""Contours of structures in tissue that moved.

A structure that lies wholly in the target or its plateau scales as it is, planes and slabs too, so that its volume is
exact. Of any other, the slices that nothing moved stay as they are; the rest are drawn again on the same planes, where
the signed distance from its curves, interpolated between slices, is zero at the place the tissue came from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from validation.case import Contour, Structure
from validation.case.structure import SAME_PLANE
from validation.change.carried_image import sampled
from validation.change.tissue_field import TissueField
from validation.evaluate.structure_fractions import structure_fractions

FloatArray = NDArray[np.float64]

# Nodes of a slice are this share of its width apart, cm: a curve drawn again lies within about 0.01 mm of its place.
STEP_SHARE, SHORTEST_STEP, LONGEST_STEP = 0.01, 0.05, 0.1
CURVE_STEP = 0.01  # cm between the points a distance is measured from
FARTHEST = 0.3  # cm; beyond it, only the side of a curve counts
FEWEST_CORNERS = 3


def carried_structure(structure: Structure, field: TissueField, ratio: float) -> Structure:
    """A structure after the tissue moved.

    Parameters
    ----------
    structure : Structure
        Contours in the reference geometry.
    field : TissueField
        How tissue moves.
    ratio : float
        Volume ratio of the target.

    Returns
    -------
    Structure
        The same if nothing of it moves; one that vanishes between slices stays as it was.

    Raises
    ------
    InvalidInput
        The field would fold.
    """
    field.require(ratio)
    if ratio == 1.0:
        return structure
    weight = field.weights(_slab_corners(structure))[0]
    if (weight == 1.0).all():
        return _scaled(structure, field, ratio)
    if not weight.any() and not _encloses(structure, field):
        return structure
    return _drawn_again(structure, field, ratio)


def _slab_corners(structure: Structure) -> FloatArray:
    """Corners of all contours at the lower face, the plane and the upper face of their slabs, (m, 3)."""
    half = structure.slice_thickness / 2
    return np.concatenate(
        [
            np.column_stack([c.points, np.full(len(c.points), c.z + shift)])
            for c in structure.contours
            for shift in (-half, 0.0, half)
        ]
    )


def _encloses(structure: Structure, field: TissueField) -> bool:
    """Whether slices of the structure cross the part of space that moves: their curves may run around it."""
    margin = field.radius + field.plateau + field.reach
    return bool((np.abs(structure.planes - field.centre[2]) < margin).any())


def _scaled(structure: Structure, field: TissueField, ratio: float) -> Structure:
    growth, c = field.scale(ratio) - 1.0, field.centre
    contours = [
        Contour(k.z + growth[2] * (k.z - c[2]), k.points + growth[:2] * (k.points - c[:2]))
        for k in structure.contours
    ]
    return Structure(
        structure.name, structure.role, tuple(contours), structure.slice_thickness * (1.0 + float(growth[2]))
    )


def _drawn_again(structure: Structure, field: TissueField, ratio: float) -> Structure:
    from skimage.measure import find_contours

    planes, thickness = structure.planes, structure.slice_thickness
    shift = _largest_shift(structure, field, ratio)
    corners = np.concatenate([k.points for k in structure.contours])
    step = float(np.clip(STEP_SHARE * np.ptp(corners, axis=0).max(), SHORTEST_STEP, LONGEST_STEP))
    low, high = corners.min(axis=0) - shift - 4 * step, corners.max(axis=0) + shift + 4 * step
    x, y = (np.arange(a, b + step, step) for a, b in zip(low, high, strict=True))
    flat = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)

    # Slices that tissue may leave or enter through have planes beyond the first and the last.
    beyond = int(np.ceil(shift / thickness)) + 1
    z = _even_planes(planes, thickness, beyond)
    origins = {}
    for k, plane in enumerate(z):
        # Where no point of the nearest slice's curves comes from elsewhere, this plane keeps what it has.
        edge = _dense_curves(structure, plane)
        edge[:, 2] = plane
        if (field.origin(edge, ratio) != edge).any():
            origins[k] = field.origin(np.column_stack([flat, np.full(len(flat), plane)]), ratio)
    if not origins:
        return structure
    needed = sorted({m for k in origins for m in range(max(k - beyond - 1, 0), min(k + beyond + 2, len(z)))})
    level = np.full((len(x), len(y), len(z)), -FARTHEST)
    for k in needed:
        level[:, :, k] = _signed_distance(structure, x, y, flat, z[k])

    contours = [k for k in structure.contours if int(np.argmin(np.abs(z - k.z))) not in origins]
    for k, came in origins.items():
        moved = sampled((x, y, z), level, came).reshape(len(x), len(y))
        for curve in find_contours(moved, 0.0):  # type: ignore[no-untyped-call]
            points = np.asarray(curve[:-1], dtype=np.float64) * step + (x[0], y[0])
            if len(points) >= FEWEST_CORNERS:
                contours.append(Contour(float(z[k]), points))
    if not contours:
        return structure
    return Structure(structure.name, structure.role, tuple(contours), thickness)


def _even_planes(planes: FloatArray, thickness: float, beyond: int) -> FloatArray:
    """Evenly spaced planes, those of the structure among them where they are even, and some beyond its ends."""
    count = round(float(planes[-1] - planes[0]) / thickness)
    step = (planes[-1] - planes[0]) / count if count else thickness
    return np.asarray(planes[0] + step * np.arange(-beyond, count + 1 + beyond))


def _largest_shift(structure: Structure, field: TissueField, ratio: float) -> float:
    """The farthest that tissue moves anywhere, cm, at most."""
    growth = np.abs(field.scale(ratio) - 1.0).max()
    return float(growth * (field.radius + field.plateau + field.reach))


def _signed_distance(
    structure: Structure, x: FloatArray, y: FloatArray, flat: FloatArray, z: float
) -> FloatArray:
    """Distance of the nodes of a plane from the structure's curves there, positive inside, at most `FARTHEST`, cm."""
    nearest = structure.planes[int(np.argmin(np.abs(structure.planes - z)))]
    outside = np.full((len(x), len(y)), -FARTHEST)
    if abs(nearest - z) > structure.slice_thickness / 2:
        return outside
    curves = [k for k in structure.contours if abs(k.z - nearest) <= SAME_PLANE]
    thickness = structure.slice_thickness
    slab = Structure("slice", "other", tuple(Contour(0.0, k.points) for k in curves), thickness)
    inside = structure_fractions(slab, x, y, np.array([0.0, thickness]))[:, :, 0] >= 0.5
    distance, _ = cKDTree(_dense_curves(structure, z)[:, :2]).query(flat, distance_upper_bound=FARTHEST)
    distance = np.minimum(distance, FARTHEST).reshape(outside.shape)
    return np.where(inside, distance, -distance)


def _dense_curves(structure: Structure, z: float) -> FloatArray:
    """Points along the curves of the slice nearest to a height, (m, 3)."""
    nearest = structure.planes[int(np.argmin(np.abs(structure.planes - z)))]
    curves = [_dense(k.points) for k in structure.contours if abs(k.z - nearest) <= SAME_PLANE]
    flat = np.concatenate(curves)
    return np.column_stack([flat, np.full(len(flat), nearest)])


def _dense(points: FloatArray) -> FloatArray:
    """Points along a closed curve no farther apart than `CURVE_STEP`."""
    edge = np.roll(points, -1, axis=0) - points
    pieces = np.maximum(np.ceil(np.linalg.norm(edge, axis=1) / CURVE_STEP).astype(int), 1)
    index = np.repeat(np.arange(len(points)), pieces)
    share = (np.arange(len(index)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / pieces[index]
    return np.asarray(points[index] + share[:, None] * edge[index])
