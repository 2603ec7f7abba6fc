"""The post-implant check: seeds found on the CT, matched with the plan, doses before and after."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case import Case, write_seed_csv
from validation.case.implant import SEED_LENGTH
from validation.case.seed_finder import FoundSeeds, find_seeds
from validation.case.seed_finder_series import PostImplantScan
from validation.studies.post_implant_case import case_found, implant_found, structures_on_scan
from validation.studies.post_implant_displacement import DisplacementStatistics, displacement_statistics
from validation.studies.post_implant_indices import IndexChange, cut_by_grid, index_changes
from validation.studies.post_implant_matching import (
    GATE,
    NO_MOTION,
    RigidMotion,
    SeedMatching,
    match_seeds,
    register_by_seeds,
)
from validation.studies.post_implant_region import region_of_bright_spots, search_region

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PostImplantOptions:
    """How seeds are looked for and matched.

    Attributes
    ----------
    registration : str
        ``frame``: plan and CT share a frame of reference; ``seeds``: registered by the seeds.
    reach : float
        Seeds are looked for to this distance from target and planned seeds, cm.
    gate : float
        A seed farther from its planned place counts as lost, cm.
    count : int, optional
        Seeds known to be in the patient; by default up to the planned number.
    seed_length : float
        Length of the rod that the CT shows, cm.
    voxel : float
        Edge of the dose voxels, cm.
    """

    registration: str = "frame"
    reach: float = 2.5
    gate: float = GATE
    count: int | None = None
    seed_length: float = SEED_LENGTH
    voxel: float = 0.1


@dataclass(frozen=True, eq=False)
class PostImplant:
    """Everything that the check found.

    Parameters
    ----------
    plan, post : Case
        Before and after.
    found : FoundSeeds
        Seeds on the CT.
    matching : SeedMatching
        Which planned seed is where.
    statistics : DisplacementStatistics
        How far they moved.
    changes : dict of str to list of IndexChange
        Indices before and after, by engine (``TG-43``, ``Monte Carlo``).
    warnings : tuple of str
        What to keep in mind.
    """

    plan: Case
    post: Case
    found: FoundSeeds
    matching: SeedMatching
    statistics: DisplacementStatistics
    changes: dict[str, list[IndexChange]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def post_implant(plan: Case, scan: PostImplantScan, options: PostImplantOptions | None = None) -> PostImplant:
    """Find the seeds, match them with the plan, and judge the dose before and after by TG-43.

    Parameters
    ----------
    plan : Case
        The plan.
    scan : PostImplantScan
        The CT after implantation, with contours or without.
    options : PostImplantOptions, optional
        How.

    Returns
    -------
    PostImplant

    Raises
    ------
    InvalidInput
        Plan and CT are in different frames of reference without a registration, no or too few seeds are found, or
        none can be matched.
    """
    chosen = options or PostImplantOptions()
    _refuse_other_frame(plan, scan, chosen)
    by_seeds = chosen.registration == "seeds"
    target = scan.structures.get(plan.prescription.target)
    around = [] if by_seeds else [plan.structures[plan.prescription.target]]
    near = np.empty((0, 3)) if by_seeds else plan.implant.positions
    if by_seeds and target is None:
        region = region_of_bright_spots(scan, plan.implant.positions, chosen.reach)
    else:
        region = search_region(scan, [*around, *([target] if target else [])], near, chosen.reach)
    found = find_seeds(
        scan.image, region, count=chosen.count, most=len(plan.implant), length=chosen.seed_length
    )
    _refuse_too_few(found, plan, region, scan)
    motion = (
        register_by_seeds(plan.implant.positions, found.positions, chosen.gate) if by_seeds else NO_MOTION
    )
    matching = match_seeds(
        plan.implant.positions, plan.implant.axes, found.positions, found.axes,
        resolved=found.resolved, needles=plan.implant.needles, motion=motion, gate=chosen.gate,
    )  # fmt: skip
    structures, warnings = structures_on_scan(plan, scan, motion)
    implant, more = implant_found(plan.implant, found, matching)
    post = case_found(plan, scan, structures, implant, f"{plan.name} post"[:64])
    warnings += [*more, *_lost_in_words(matching, plan, motion), *_cut_in_words(plan, post, chosen.voxel)]
    return PostImplant(
        plan, post, found, matching, displacement_statistics(matching, plan.implant.axes, plan.implant.positions),
        {"TG-43": index_changes(plan, post, chosen.voxel)}, tuple(warnings),
    )  # fmt: skip


def _refuse_other_frame(plan: Case, scan: PostImplantScan, options: PostImplantOptions) -> None:
    if options.registration not in ("frame", "seeds"):
        raise InvalidInput(
            f"registration is {options.registration!r}, expected 'frame' (plan and CT share a frame of reference) or "
            f"'seeds'. Choose one."
        )
    known = plan.dicom.frame_of_reference if plan.dicom else ""
    other = known and scan.frame_of_reference and known != scan.frame_of_reference
    if other and options.registration == "frame":
        raise InvalidInput(
            f"frame of reference of the post-implant CT is {scan.frame_of_reference}, expected that of the plan, "
            f"{known} (its coordinates mean other places). Register the images in your planning system, or use "
            f"--register seeds."
        )


def _refuse_too_few(found: FoundSeeds, plan: Case, region: NDArray[np.bool_], scan: PostImplantScan) -> None:
    planned = len(plan.implant)
    if 2 * len(found) >= planned:
        return
    volume = float(region.sum() * np.prod(scan.image.spacing))
    where = "; ".join("(" + ", ".join(f"{v:.2f}" for v in p) + ")" for p in found.positions)
    raise InvalidInput(
        f"seeds found on the post-implant CT are {len(found)}, expected at least half of the {planned} planned (in "
        f"{volume:.0f} cm3 searched; found at {where} cm). Check that the CT belongs to the plan and shares its frame, "
        f"widen --reach, or use --register seeds."
    )


def _lost_in_words(matching: SeedMatching, plan: Case, motion: RigidMotion) -> list[str]:
    if not matching.lost.size:
        return []
    places = motion(plan.implant.positions[matching.lost])
    where = "; ".join(
        f"seed {k + 1} planned at ({', '.join(f'{v:.2f}' for v in p)}) cm"
        for k, p in zip(matching.lost, places, strict=True)
    )
    return [f"{matching.lost.size} planned seed(s) not found within {10 * matching.gate:g} mm: {where}."]


def _cut_in_words(plan: Case, post: Case, voxel: float) -> list[str]:
    names = sorted({*cut_by_grid(plan, voxel), *cut_by_grid(post, voxel)})
    if not names:
        return []
    return [
        f"the dose grid, 2.5 cm around seeds and target, cuts {', '.join(names)}: D2cc and D0.1cc are those of the "
        f"part within it, and not defined where that is smaller. The two grids differ a little: small changes of "
        f"D2cc of these structures mean nothing."
    ]


def with_monte_carlo(
    check: PostImplant,
    folder: Path,
    simulate: Callable[[Case, Path], list[tuple[str, str, str, float, float]]],
) -> PostImplant:
    """Add the indices by Monte Carlo, each case simulated in a folder of its own.

    Parameters
    ----------
    check : PostImplant
        The check by TG-43.
    folder : path
        ``before`` and ``after`` go into it.
    simulate : callable
        (case, folder) -> rows (structure, index, unit, value, standard uncertainty).

    Returns
    -------
    PostImplant
    """
    before, after = (
        {row[:3]: row[3:] for row in simulate(case, folder / name)}
        for case, name in ((check.plan, "before"), (check.post, "after"))
    )
    rows = [
        IndexChange(structure, index, unit, *before[key][:1], *after[key][:1], before[key][1], after[key][1])
        for key in before
        if key in after
        for structure, index, unit in [key]
    ]
    # The rows of the table by TG-43, in its order.
    by_key = {(row.structure, row.index): row for row in rows}
    keys = [(c.structure, c.index) for c in check.changes["TG-43"]]
    kept = [by_key[key] for key in keys if key in by_key]
    return replace(check, changes={**check.changes, "Monte Carlo": kept})


def record(check: PostImplant) -> dict[str, object]:
    """Everything as JSON takes it: lengths in cm, angles in rad."""
    found, matching = check.found, check.matching
    pair = dict(zip(matching.found.tolist(), range(len(matching.found)), strict=True))
    seeds = []
    for k in range(len(found)):
        i = pair.get(k)
        seeds.append(
            {
                "position": found.positions[k].tolist(),
                "axis": found.axes[k].tolist(),
                "direction_resolved": bool(found.resolved[k]),
                "position_std_dev": float(found.position_std_dev[k]),
                "axis_std_dev": float(found.axis_std_dev[k]),
                "merged_with": int(np.count_nonzero(found.cluster == found.cluster[k]) - 1),
                "planned_seed": None if i is None else int(matching.plan[i]) + 1,
                "needle": None if i is None else int(matching.needles[i]),
                "displacement": None if i is None else matching.displacement[i].tolist(),
                "along": None if i is None else float(matching.along[i]),
                "across": None if i is None else float(matching.across[i]),
                "rotation": None
                if i is None or not np.isfinite(matching.rotation[i])
                else float(matching.rotation[i]),
            }
        )
    return {
        "filetype": "seedmc-post-implant",
        "format_version": "1.0",
        "units": {"length": "cm", "angle": "rad", "dose": "Gy"},
        "plan": {"name": check.plan.name, "digest": check.plan.digest(), "seeds": len(check.plan.implant)},
        "post": {"name": check.post.name, "digest": check.post.digest(), "seeds": len(check.post.implant)},
        "seeds": seeds,
        "lost": (matching.lost + 1).tolist(),
        "not_seeds": list(found.rejected),
        "motion": {
            "rotation": matching.motion.rotation.tolist(),
            "translation": matching.motion.translation.tolist(),
        },
        "displacement": check.statistics.record(),
        "indices": {engine: [change.record() for change in rows] for engine, rows in check.changes.items()},
        "warnings": list(check.warnings),
    }


def write_check(check: PostImplant, folder: Path) -> list[Path]:
    """Write case, seeds and numbers into a folder; the names written."""
    folder.mkdir(parents=True, exist_ok=True)
    case_file, seed_file, numbers = (
        folder / "post_case.h5",
        folder / "seeds.csv",
        folder / "post_implant.json",
    )
    check.post.write(case_file)
    write_seed_csv(check.post.implant, seed_file)
    numbers.write_text(json.dumps(record(check), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return [case_file, seed_file, numbers]
