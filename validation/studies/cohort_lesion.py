"""One lesion of an in-silico cohort: plan, implant, verification, and the indices of either by both engines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.simulation_settings import Progress, StoppingRule
from validation.case import Case
from validation.evaluate.indices import INDICES
from validation.studies.cohort_implant import PlannedLesion, implanted, placed_seeds, plan_lesion, verified
from validation.studies.cohort_indices import ENGINES, STEPS, TargetIndices, target_indices, tg43_in_targets
from validation.studies.cohort_protocol import CohortProtocol, LesionDraw
from validation.studies.cohort_variants import VARIANTS, variant_indices
from validation.studies.dataset_file import put, read_dataset, write_dataset
from validation.studies.monte_carlo import MonteCarloOptions, monte_carlo_dose
from validation.studies.monte_carlo_dataset import monte_carlo_dataset
from validation.studies.tg43_dose import find_source

FloatArray = NDArray[np.float64]

FILETYPE, FORMAT_VERSION, _MAJOR = "seedmc-cohort-lesion", "1.0", 1
STATES = ("plan", "verification")
JUDGED = ("D90", "D100", "D98", "V100", "V150", "V200", "DHI", "mean dose")
_SIMULATIONS_PER_LESION = 2


def judged_structures(protocol: CohortProtocol) -> tuple[str, ...]:
    """The target that is planned first, then the other."""
    return (protocol.target, *(name for name in ("PTV", "GTV") if name != protocol.target))


def compute_lesion(
    number: int,
    protocol: CohortProtocol,
    folder: Path,
    threads: int = 1,
    say: Callable[[str], None] = lambda _: None,
    on_progress: Callable[[Progress], None] | None = None,
    on_phase_space: Callable[[float], None] | None = None,
) -> Path:
    """Plan, implant and verify one lesion; nothing is done if the folder holds it already.

    Parameters
    ----------
    number : int
        1 to 22.
    protocol : CohortProtocol
        What is assumed.
    folder : path
        Gets ``lesion.h5``, and the cases ``plan.h5`` and ``verification.h5``; nothing else stays.
    threads : int
        Nothing depends on it.
    say : callable
        Receives a line for each step.
    on_progress, on_phase_space : callable, optional
        Called as a simulation goes on.

    Returns
    -------
    path
        Of ``lesion.h5``.

    Raises
    ------
    InvalidInput
        There is no such lesion, or the folder holds one of another protocol.
    NoPlan
        No needle reaches the target.
    """
    draw = protocol.draw(number)
    path = folder / "lesion.h5"
    if _is_there(path, number, protocol):
        say(f"lesion {number} is up to date -> {path}")
        return path
    planned = plan_lesion(draw, protocol.target, threads, say)
    plan = planned.plan.case
    after = verified(implanted(plan, placed_seeds(plan, protocol, number)), draw, protocol.verification_day)
    judged: list[TargetIndices] = []
    attributes: dict[str, object] = {}
    for k, (state, case) in enumerate(zip(STATES, (plan, after), strict=True)):
        run_seed = _SIMULATIONS_PER_LESION * (protocol.cohort_seed * 1000 + number) + k
        case.write(folder / f"{state}.h5")
        found, facts = _both_engines(
            case, protocol, run_seed, folder / f"{state}_monte_carlo.h5", threads, on_progress, on_phase_space
        )
        judged.append(found)
        attributes |= {f"{state}_{name}": value for name, value in facts.items()}
        say(f"lesion {number}, {state}: {_in_words(found, protocol.target)}")
    variants, added = variant_indices(
        planned, draw, protocol, judged_structures(protocol), JUDGED, find_source(plan.implant), threads
    )
    data = _dataset(protocol, (plan, after), judged, variants)
    data.attrs = {**_attributes(draw, protocol, planned), "seeds_added": added, **attributes}
    write_dataset(path, FILETYPE, FORMAT_VERSION, data)
    for state in STATES:
        (folder / f"{state}_monte_carlo.h5").unlink(missing_ok=True)
    say(f"lesion {number} -> {path}")
    return path


def read_lesion(path: str | Path) -> xr.Dataset:
    """Read a lesion file; `InvalidInput` if it is not a complete one."""
    return read_dataset(path, FILETYPE, _MAJOR)


def _is_there(path: Path, number: int, protocol: CohortProtocol) -> bool:
    if not path.is_file():
        return False
    found = read_lesion(path).attrs
    if (int(found["number"]), str(found["protocol_digest"])) == (number, protocol.digest()):
        return True
    raise InvalidInput(
        f"{path} is lesion {found['number']} of protocol {str(found['protocol_digest'])[:12]}, expected lesion "
        f"{number} of {protocol.digest()[:12]} (it was computed with other options). Remove it or give another folder."
    )


def _both_engines(
    case: Case,
    protocol: CohortProtocol,
    run_seed: int,
    path: Path,
    threads: int,
    on_progress: Callable[[Progress], None] | None,
    on_phase_space: Callable[[float], None] | None,
) -> tuple[TargetIndices, dict[str, object]]:
    """Indices of a case, and what stands with them in the file."""
    options = MonteCarloOptions(voxel=protocol.voxel_cm, run_seed=run_seed, threads=threads, spectra=False)
    rule = StoppingRule(uncertainty=protocol.uncertainty)
    monte_carlo_dose(case, options, rule, path, on_progress, on_phase_space)
    monte_carlo = monte_carlo_dataset(path, case, threads)
    names = judged_structures(protocol)
    tg43 = tg43_in_targets(case, protocol.voxel_cm, names)
    facts: dict[str, object] = {
        "case_digest": case.digest(),
        "settings_digest": monte_carlo.attrs["settings_digest"],
        "histories": monte_carlo.attrs["histories"],
        "cpu_time_s": monte_carlo.attrs["cpu_time_s"],
        "tg43_settings": str(tg43.attrs["settings"]),
        "monte_carlo_settings": str(monte_carlo.attrs["settings"]),
    }
    return target_indices(case, monte_carlo, tg43, names, JUDGED), facts


def _in_words(found: TargetIndices, target: str) -> str:
    monte_carlo, tg43 = found.value[0, JUDGED.index("D90")]
    std_dev = found.std_dev[0, JUDGED.index("D90")]
    return f"D90 of {target} {tg43:.1f} Gy by TG-43, {monte_carlo:.1f} ± {std_dev:.1f} Gy by Monte Carlo"


def _dataset(
    protocol: CohortProtocol, cases: Sequence[Case], judged: Sequence[TargetIndices], variants: FloatArray
) -> xr.Dataset:
    data = xr.Dataset()
    _put_names(data, "state", STATES, "plan, or verification after implantation")
    _put_names(data, "engine", ENGINES, "what calculated the dose")
    _put_names(
        data, "structure", judged_structures(protocol), "name of the structure; the first one is planned"
    )
    _put_names(data, "index", JUDGED, "name of the dose-volume index")
    _put_names(data, "budget_step", STEPS, "step from TG-43 to Monte Carlo, in order")
    _put_names(data, "variant", [v.name for v in VARIANTS], "other assumptions, TG-43 only")
    _put_names(data, "medium_name", judged[0].media, "name of the medium")
    units = {index.name: index.unit for index in INDICES}
    named = np.array([units[name] for name in JUDGED], object)
    put(data, "index_unit", ("index",), named, units="1", description="unit of the index")
    texts = np.array([v.text for v in VARIANTS], object)
    put(data, "variant_text", ("variant",), texts, units="1", description="what the variant assumes")
    order, unit = ("state", "structure", "index"), "see index_unit"
    for name, dims, values, units_, description in (
        ("index_value", (*order, "engine"), [j.value for j in judged], unit,
         "index of the dose to full decay in the geometry of the state"),
        ("index_std_dev", order, [j.std_dev for j in judged], unit,
         "type A standard uncertainty of the Monte Carlo value"),
        ("index_bias", order, [j.bias for j in judged], unit,
         "estimated bias of the Monte Carlo value by noise; not subtracted"),
        ("budget_value", ("state", "budget_step", "structure", "index"), [j.steps for j in judged], unit,
         "index at the step; a term is the change from the step before"),
        ("variant_value", ("variant", "structure", "index"), list(variants), unit,
         "index by TG-43 under the variant's assumptions"),
        ("structure_volume", ("state", "structure"), [j.volume for j in judged], "cm3",
         "volume inside the contours on the dose grid"),
        ("structure_medium", ("state", "structure", "medium_name"), [j.media_share for j in judged], "%",
         "part of the structure's volume that the medium fills"),
        ("seeds", ("state",), [np.int64(len(case.implant)) for case in cases], "1", "number of seeds in place"),
    ):  # fmt: skip
        put(data, name, dims, np.stack(values), units=units_, description=description)
    return data


def _put_names(data: xr.Dataset, name: str, values: Iterable[object], description: str) -> None:
    put(data, name, (name,), np.array(list(values), dtype=object), units="1", description=description)


def _attributes(draw: LesionDraw, protocol: CohortProtocol, planned: PlannedLesion) -> dict[str, object]:
    what = draw.lesion
    return {
        "number": what.number,
        "protocol": json.dumps(protocol.record(), sort_keys=True),
        "protocol_digest": protocol.digest(),
        "gtv_volume_cm3": what.volume,
        "site": what.site,
        "gap_cm": what.gap,
        "prescription_dose_gy": what.prescription,
        "prescription_target": protocol.target,
        "strength_drawn_mbq": draw.strength_mbq,
        "strength_mbq": planned.plan.strength_mbq,
        "planned_by": planned.rung,
        "plans_tried": json.dumps(planned.tried),
        "needles": len(np.unique(planned.plan.planned.needles)),
        "edema": draw.edema,
        "edema_half_life_d": draw.edema_half_life_d,
        "volume_ratio_at_verification": float(draw.change.ratio(protocol.verification_day)),
    }
