"""The case after implantation: found seeds with the strengths of the plan, structures of the new CT or carried over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Case, Contour, Image, Implant, Structure
from validation.case.implant import overlapping_seeds
from validation.case.masks import structure_of_voxels
from validation.case.seed_finder import FoundSeeds
from validation.case.seed_finder_series import PostImplantScan
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.post_implant_matching import RigidMotion, SeedMatching

FloatArray = NDArray[np.float64]
_NO_TURN = 1e-6  # rad


def structures_on_scan(
    plan: Case, scan: PostImplantScan, motion: RigidMotion
) -> tuple[dict[str, Structure], list[str]]:
    """Structures of the post-implant CT, or those of the plan carried over.

    Parameters
    ----------
    plan : Case
        Structures before.
    scan : PostImplantScan
        The CT after, with its own contours or without.
    motion : RigidMotion
        From the plan's frame to the CT's.

    Returns
    -------
    tuple
        Structures by name, and warnings.
    """
    target = plan.prescription.target
    if scan.structures:
        if target not in scan.structures:
            names = ", ".join(scan.structures)
            raise InvalidInput(
                f"target {target} is not among the structures on the post-implant CT ({names}), expected it there (the "
                f"dose is judged in it). Draw it or leave the structure set out."
            )
        return dict(scan.structures), []
    warning = (
        "the structures are those of the plan, carried over rigidly: swelling and motion of organs are not in them. "
        "Draw the target on the post-implant CT for a real verdict."
    )
    carried = {}
    for name, structure in plan.structures.items():
        moved = (
            _shifted(structure, motion)
            if motion.angle < _NO_TURN
            else _turned(structure, plan.image, scan.image, motion)
        )
        if moved is not None:
            carried[name] = moved
    if target not in carried:
        raise InvalidInput(
            f"target {target} lies outside the post-implant CT after registration, expected it inside. Check the CT "
            f"and the registration."
        )
    return carried, [warning]


def _shifted(structure: Structure, motion: RigidMotion) -> Structure:
    dx, dy, dz = motion.translation
    if not motion.translation.any():
        return structure
    contours = tuple(Contour(c.z + dz, c.points + np.array([dx, dy])) for c in structure.contours)
    return replace(structure, contours=contours)


def _turned(structure: Structure, before: Image, after: Image, motion: RigidMotion) -> Structure | None:
    """The structure on the voxels of the new CT: a voxel belongs to it if half of the one it came from does."""
    share = structure_fractions(structure, before.x, before.y, before.z)
    grid = np.stack(np.meshgrid(after.x, after.y, after.z, indexing="ij"), axis=-1)
    places = (grid - motion.translation) @ motion.rotation  # R^T (x - t)
    index = [
        (places[..., k] - c[0]) / d
        for k, (c, d) in enumerate(zip((before.x, before.y, before.z), before.spacing, strict=True))
    ]
    inside = scipy.ndimage.map_coordinates(share, index, order=1, cval=0.0) >= 0.5
    if not inside.any():
        return None
    return structure_of_voxels(structure.name, structure.role, inside, after.x, after.y, after.z)


def implant_found(plan: Implant, found: FoundSeeds, matching: SeedMatching) -> tuple[Implant, list[str]]:
    """The seeds that were found, with strengths and needles of the planned ones they match.

    A direction that cannot be told is that of the planned seed, carried over. Bodies that overlap within the
    uncertainty of their places are moved apart.

    Parameters
    ----------
    plan : Implant
        Planned seeds.
    found : FoundSeeds
        Found seeds.
    matching : SeedMatching
        Which is which.

    Returns
    -------
    tuple
        Implant in the order of the plan, then seeds without a planned one; and warnings.
    """
    order = np.concatenate([matching.found, matching.extra])
    axes = found.axes[order].copy()
    planned = matching.motion.turn(plan.axes)[matching.plan]
    unknown = np.flatnonzero(~found.resolved[matching.found])
    axes[unknown] = planned[unknown]
    flip = (axes[: len(planned)] * planned).sum(axis=1) < 0
    axes[: len(planned)][flip] *= -1
    strengths = np.concatenate(
        [
            plan.air_kerma_strengths[matching.plan],
            np.full(len(matching.extra), float(np.median(plan.air_kerma_strengths))),
        ]
    )
    needles = np.concatenate([plan.needles[matching.plan], np.full(len(matching.extra), -1)])
    warnings = []
    if unknown.size:
        warnings.append(
            f"the direction of {unknown.size} seed(s) cannot be told on this CT: that of the plan is used."
        )
    if matching.extra.size:
        warnings.append(
            f"{matching.extra.size} found seed(s) match no planned one: they count with the median planned strength."
        )
    positions, moved = apart(plan.model, found.positions[order], axes, plan.seed_file)
    if moved > 0:
        warnings.append(f"found seeds overlapped by up to {10 * moved:.2f} mm and were moved apart.")
    return replace(
        plan, positions=positions, axes=axes, air_kerma_strengths=strengths, needles=needles
    ), warnings


def apart(
    model: str, positions: FloatArray, axes: FloatArray, seed_file: str = ""
) -> tuple[FloatArray, float]:
    """Move bodies apart that overlap, each half of the way along the line of their centres.

    Returns
    -------
    tuple of ndarray (n, 3) and float
        New places, and the deepest overlap there was, cm.
    """
    places, deepest = positions.copy(), 0.0
    for _ in range(200):
        pairs = overlapping_seeds(model, places, axes, seed_file)
        if not pairs:
            break
        deepest = max(deepest, pairs[0][2])
        for i, j, depth in pairs:
            away = places[i] - places[j]
            length = float(np.linalg.norm(away))
            way = (
                away / length if length > 0 else np.cross(axes[i], np.eye(3)[int(np.argmin(np.abs(axes[i])))])
            )
            places[i] += (0.55 * depth + 1e-4) * way
            places[j] -= (0.55 * depth + 1e-4) * way
    return places, deepest


def case_found(
    plan: Case, scan: PostImplantScan, structures: dict[str, Structure], implant: Implant, name: str
) -> Case:
    """The case after implantation."""
    provenance = {
        "origin": "post-implant CT",
        "plan": plan.name,
        "plan_digest": plan.digest(),
        "ct": scan.source or "given image",
        "seeds": "found on the CT",
    }
    return Case(name, scan.image, structures, implant, plan.prescription, provenance)
