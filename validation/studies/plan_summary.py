"""A plan in numbers: needles, seeds, dose indices, and which limits it keeps, measured on the plan itself."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from validation.case import Implant
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.plan import Plan
from validation.studies.plan_obstacles import Surroundings, clearance, surroundings_of
from validation.studies.plan_settings import MBQ_PER_MCI
from validation.studies.plan_target import REACH, VOXEL, Dosimetry, box_around, indices_of

FloatArray = NDArray[np.float64]

TARGET_INDICES = ("D90", "D98", "V100", "V150", "V200", "DHI")
ORGAN_INDICES = ("D2cc", "D0.1cc", "mean dose")
ROUNDING = 1e-6


def summary(plan: Plan, dosimetry: Dosimetry, threads: int = 1) -> dict[str, object]:
    """All numbers of a plan.

    Parameters
    ----------
    plan : Plan
        The plan.
    dosimetry : Dosimetry
        As it was planned with.
    threads : int
        The numbers do not depend on it.

    Returns
    -------
    dict
        Ready for JSON; lengths in mm, dose in Gy, strengths in U and MBq. Organ doses within 2.5 cm of the target.
    """
    planned = plan.planned
    doses = structure_doses(plan, dosimetry, threads)
    return {
        "case": plan.case.name,
        "case_digest": plan.case.digest(),
        "target": plan.target,
        "prescription_Gy": plan.settings.prescription,
        "meets_prescription": plan.meets,
        "seed_model": planned.model,
        "seeds": len(planned),
        "seeds_in_place": 0 if plan.existing is None else len(plan.existing),
        "activity_per_seed_MBq": round(plan.strength_mbq, 4),
        "activity_per_seed_mCi": round(plan.strength_mbq / MBQ_PER_MCI, 5),
        "air_kerma_strength_per_seed_U": float(planned.air_kerma_strengths[0]),
        "total_activity_MBq": round(plan.strength_mbq * len(planned), 3),
        "total_air_kerma_strength_U": planned.total_air_kerma_strength,
        "needles": needle_rows(planned),
        "target_doses": {name: doses[plan.target][name] for name in TARGET_INDICES},
        "organ_doses": {
            name: {index: values[index] for index in ORGAN_INDICES if np.isfinite(values[index])}
            for name, values in doses.items()
            if plan.case.structures[name].role != "target"
        },
        "fewest_seeds": fewest_seeds(plan),
        "limits": limits(plan),
        "seed_places": {"in_target": plan.wanted, "refused": plan.refused},
    }


def fewest_seeds(plan: Plan) -> dict[str, object]:
    """How few planned seeds could do by mixed-integer programming, and whether the plan has as few."""
    count = len(plan.planned)
    # The program sees fewer points than the search and may so ask for more than the search has found to do.
    at_least = min(plan.bound.at_least, count)
    return {"at_least": at_least, "proved_fewest": at_least == count}


def needle_rows(planned: Implant) -> list[dict[str, object]]:
    """One row for each needle: entry, tip, direction (LPS), depth, and the depths of its seeds' centres, mm."""
    table, rows = planned.needle_table, []
    for number, entry, tip, direction, depth in zip(
        table.numbers, table.entries, table.tips, table.directions, table.depths, strict=True
    ):
        own = planned.positions[planned.needles == number]
        rows.append(
            {
                "needle": int(number),
                "entry_mm": np.round(10 * entry, 2).tolist(),
                "tip_mm": np.round(10 * tip, 2).tolist(),
                "direction": np.round(direction, 6).tolist(),
                "depth_mm": round(float(10 * depth), 2),
                "seeds": len(own),
                "seed_depths_mm": np.round(np.sort(10 * (own - entry) @ direction), 2).tolist(),
            }
        )
    return rows


def structure_doses(plan: Plan, dosimetry: Dosimetry, threads: int = 1) -> dict[str, dict[str, float]]:
    """Indices of every structure near the target with all seeds, on voxels of 1 mm; the dose by TG-43.

    In the box of the target, where the seeds are, as `seedmc tg43` and the report; sampled beyond it.
    """
    target = plan.case.structures[plan.target]
    axes, fine = box_around(target, VOXEL, REACH), box_around(target, VOXEL, VOXEL)
    fractions = {
        name: structure_fractions(structure, *axes)
        for name, structure in plan.case.structures.items()
        if structure.role not in ("external", "other")
    }
    inside = np.any([fraction > 0 for fraction in fractions.values()], axis=0)
    box = tuple(
        slice(at := int(np.argmin(np.abs(c - f[0]))), at + f.size) for c, f in zip(axes, fine, strict=True)
    )
    inside[box] = False
    dose, tissue = dosimetry.sampled_dose(axes, inside, plan.planned, threads), np.ones(inside.shape)
    dose[box], tissue[box] = dosimetry.voxel_dose(fine, plan.planned)
    found = {
        name: indices_of(dose, tissue, fraction, axes, plan.settings.prescription)
        for name, fraction in fractions.items()
    }
    return {name: values for name, values in found.items() if values}


def limits(plan: Plan) -> list[dict[str, object]]:
    """Every limit with its value, what the plan has, and whether it keeps it."""
    settings, margins, planned = plan.settings, plan.settings.margins, plan.planned
    around = surroundings_of(plan.case, plan.target, settings)
    rows: list[dict[str, object]] = []

    def row(name: str, limit: str, value: float, kept: bool) -> None:
        rows.append(
            {
                "limit": f"{name} {limit}",
                "value": round(value, 3) if np.isfinite(value) else None,
                "kept": bool(kept),
            }
        )

    row("D90, Gy:", f">= {settings.prescription:g}", plan.d90, plan.meets)
    gaps = seed_gaps(planned)
    if len(gaps):
        least, most = 10 * gaps.min(), 10 * gaps.max()
        row(
            "neighbouring seeds, mm:",
            f">= {10 * settings.seed_least:g}",
            least,
            least >= 10 * settings.seed_least - 1e-4,
        )
        row(
            "neighbouring seeds, mm:",
            f"<= {10 * settings.seed_most:g}",
            most,
            most <= 10 * settings.seed_most + 1e-4,
        )
    skin = 10 * float(around.skin_distance(planned.positions).min())
    row("seeds from the skin, mm:", f">= {10 * margins.skin:g}", skin, skin >= 10 * margins.skin - 1e-4)
    for kind, margin, distance in needle_clearances(planned, around):
        row(f"needles from {kind}, mm:", f">= {10 * margin:g}", 10 * distance, distance >= margin - ROUNDING)
    depth = 10 * float(planned.needle_table.depths.max())
    row(
        "needle depth, mm:",
        f"<= {10 * settings.longest_needle:g}",
        depth,
        depth <= 10 * settings.longest_needle + 1e-4,
    )
    if len(planned.needle_table) > 1:
        apart = 10 * needle_distance(planned)
        row(
            "needles apart, mm:",
            f">= {10 * settings.needle_spacing:g}",
            apart,
            apart >= 10 * settings.needle_spacing - 1e-4,
        )
    if plan.existing is not None:
        beside = 10 * nearest(plan.existing.positions, planned.positions)
        row("planned from seeds in place, mm:", ">= 5", beside, beside >= 5 - 1e-4)
    return rows


def nearest(places: FloatArray, others: FloatArray) -> float:
    """Least distance of two sets of places, cm.

    Examples
    --------
    >>> nearest(np.zeros((1, 3)), np.array([[0.0, 0.0, 2.0], [0.0, 0.0, 1.0]]))
    1.0
    """
    return float(np.min(scipy.spatial.cKDTree(places).query(others)[0]))


def seed_gaps(planned: Implant) -> FloatArray:
    """Distances of neighbouring seeds of each needle, cm."""
    gaps = []
    for number, direction in zip(planned.needle_table.numbers, planned.needle_table.directions, strict=True):
        own = np.sort(planned.positions[planned.needles == number] @ direction)
        gaps += [b - a for a, b in pairwise(own.tolist())]
    return np.array(gaps)


def needle_distance(planned: Implant) -> float:
    """Least distance between the stretches of two needles that carry seeds, cm."""
    samples = []
    for number in planned.needle_table.numbers:
        own = planned.positions[planned.needles == number]
        order = np.argsort(own @ planned.needle_table.directions[planned.needle_table.numbers == number][0])
        first, last = own[order[0]], own[order[-1]]
        steps = max(2, int(np.ceil(np.linalg.norm(last - first) / 0.02)) + 1)
        samples.append(first + np.linspace(0, 1, steps)[:, None] * (last - first))
    return min(nearest(a, b) for i, a in enumerate(samples) for b in samples[:i])


def needle_clearances(planned: Implant, around: Surroundings) -> list[tuple[str, float, float]]:
    """Kind of obstacle, margin and least distance of needles from it (cm; infinite beyond twice the margin)."""
    path = []
    for entry, tip in zip(planned.needle_table.entries, planned.needle_table.tips, strict=True):
        steps = int(np.ceil(np.linalg.norm(tip - entry) / 0.02)) + 1
        path.append(entry + np.linspace(0, 1, steps)[:, None] * (tip - entry))
    points = np.concatenate(path)
    found: dict[str, tuple[float, float]] = {}
    for obstacle in around.obstacles:
        distance = float(clearance(obstacle, points, around.step).min())
        index, _ = around.index(points)
        if obstacle.inside[tuple(index.T)].any():
            distance = 0.0
        least = found.get(obstacle.kind, (obstacle.margin, np.inf))[1]
        found[obstacle.kind] = (obstacle.margin, min(least, distance))
    return [(kind, margin, distance) for kind, (margin, distance) in found.items()]


def write_summary(numbers: dict[str, object], path: Path) -> None:
    """Write the numbers of a plan as JSON."""
    path.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def in_lines(numbers: dict[str, object]) -> list[str]:
    """The numbers of a plan as lines for the terminal."""
    needles, doses, organs, rows, few = (
        numbers[name] for name in ("needles", "target_doses", "organ_doses", "limits", "fewest_seeds")
    )
    assert isinstance(needles, list)
    assert isinstance(doses, dict)
    assert isinstance(organs, dict)
    assert isinstance(rows, list)
    assert isinstance(few, dict)
    lines = [
        f"{numbers['seeds']} seeds {numbers['seed_model']} of {numbers['activity_per_seed_MBq']:g} MBq "
        f"({numbers['activity_per_seed_mCi']:.3g} mCi, {numbers['air_kerma_strength_per_seed_U']:.3f} U) on "
        f"{len(needles)} needles, {numbers['total_activity_MBq']:g} MBq in all"
        + (f", beside {numbers['seeds_in_place']} in place" if numbers["seeds_in_place"] else ""),
        "needle  seeds  depth mm  entry mm (LPS)            tip mm (LPS)              seed depths mm",
    ]
    for row in needles:
        entry, tip = (" ".join(f"{v:7.1f}" for v in row[name]) for name in ("entry_mm", "tip_mm"))
        depths = " ".join(f"{d:.1f}" for d in row["seed_depths_mm"])
        lines.append(
            f"{row['needle']:6d}  {row['seeds']:5d}  {row['depth_mm']:8.1f}  {entry}   {tip}   {depths}"
        )
    lines.append(
        f"{numbers['target']}: D90 {doses['D90']:.1f} Gy, V100 {doses['V100']:.1f} %, V150 {doses['V150']:.1f} %, V200 "
        f"{doses['V200']:.1f} % (TG-43, prescription {numbers['prescription_Gy']:g} Gy)"
    )
    for name, values in organs.items():
        lines.append(f"{name}: " + ", ".join(f"{index} {value:.1f} Gy" for index, value in values.items()))
    lines.append(_number_of_seeds(int(numbers["seeds"]), few))  # type: ignore[call-overload]
    for row in rows:
        value = "far" if row["value"] is None else f"{row['value']:.1f}"
        lines.append(f"{'kept' if row['kept'] else 'NOT KEPT'}: {row['limit']}: {value}")
    return lines


def _number_of_seeds(seeds: int, few: dict[str, object]) -> str:
    """How good the number of seeds is: proved, within a bound, or the search's alone."""
    on = "on the sample points of the target and these needles"
    if few["proved_fewest"]:
        return f"{seeds} seeds are the fewest: proved by mixed-integer programming {on}"
    least = few["at_least"]
    assert isinstance(least, int)
    if least <= 0:
        return f"{seeds} seeds by search; there is no bound, because the prescription is not reached"
    return (
        f"{seeds} seeds by search; linear programming proves that fewer than {least} cannot do, {on}: at most "
        f"{seeds - least} too many"
    )
