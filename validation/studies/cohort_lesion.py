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
from validation.studies.cohort_implant import PlannedLesion, implanted, placed_seeds, plan_lesion, verified
from validation.studies.cohort_protocol import CohortProtocol, LesionDraw
from validation.studies.cohort_variants import VARIANTS, variant_indices
from validation.studies.compare import Comparison, compare
from validation.studies.dataset_file import put, read_dataset, write_dataset
from validation.studies.monte_carlo import MonteCarloOptions, monte_carlo_dose
from validation.studies.monte_carlo_dataset import monte_carlo_dataset
from validation.studies.tg43_dose import find_source, tg43_dose

FloatArray = NDArray[np.float64]

FILETYPE, FORMAT_VERSION, _MAJOR = "seedmc-cohort-lesion", "1.0", 1
STATES = ("plan", "verification")
ENGINES = ("monte_carlo", "tg43")
JUDGED = ("D90", "D100", "D98", "V100", "V150", "V200", "DHI", "mean dose")
STEPS = ("TG-43", "dose-rate constant", "radiation field", "dose to medium")
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
    comparisons = []
    for k, (state, case) in enumerate(zip(STATES, (plan, after), strict=True)):
        run_seed = _SIMULATIONS_PER_LESION * (protocol.cohort_seed * 1000 + number) + k
        case.write(folder / f"{state}.h5")
        comparisons.append(
            _both_engines(
                case, protocol, run_seed, folder / f"{state}_monte_carlo.h5", threads, on_progress, on_phase_space
            )
        )  # fmt: skip
        say(f"lesion {number}, {state}: {_in_words(comparisons[-1])}")
    names = judged_structures(protocol)
    variants, added = variant_indices(
        planned, draw, protocol, names, JUDGED, find_source(plan.implant), threads
    )
    data = _dataset(draw, protocol, planned, (plan, after), comparisons, variants)
    data.attrs["seeds_added"] = added
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
) -> Comparison:
    options = MonteCarloOptions(voxel=protocol.voxel_cm, run_seed=run_seed, threads=threads, spectra=False)
    rule = StoppingRule(uncertainty=protocol.uncertainty)
    monte_carlo_dose(case, options, rule, path, on_progress, on_phase_space)
    return compare(
        case, monte_carlo_dataset(path, case, threads), tg43_dose(case, protocol.voxel_cm), gamma=False
    )


def _in_words(comparison: Comparison) -> str:
    d90 = comparison.data.index_value.sel(structure=comparison.target, index="D90")
    std_dev = float(comparison.data.index_std_dev.sel(structure=comparison.target, index="D90"))
    return (
        f"D90 of {comparison.target} {float(d90.sel(engine='tg43')):.1f} Gy by TG-43, "
        f"{float(d90.sel(engine='monte_carlo')):.1f} ± {std_dev:.1f} Gy by Monte Carlo"
    )


def _dataset(
    draw: LesionDraw,
    protocol: CohortProtocol,
    planned: PlannedLesion,
    cases: Sequence[Case],
    comparisons: Sequence[Comparison],
    variants: FloatArray,
) -> xr.Dataset:
    data = xr.Dataset(attrs=_attributes(draw, protocol, planned, cases, comparisons))
    names = list(judged_structures(protocol))
    first = comparisons[0].data
    _put_names(data, "state", STATES, "plan, or verification after implantation")
    _put_names(data, "engine", ENGINES, "what calculated the dose")
    _put_names(data, "structure", names, "name of the structure; the first one is planned")
    _put_names(data, "index", JUDGED, "name of the dose-volume index")
    _put_names(data, "budget_step", STEPS, "step from TG-43 to Monte Carlo, in order")
    _put_names(data, "variant", [v.name for v in VARIANTS], "other assumptions, TG-43 only")
    _put_names(data, "medium_name", first.medium_name.to_numpy(), "name of the medium")
    units = [str(first.index_unit.sel(index=name).item()) for name in JUDGED]
    put(data, "index_unit", ("index",), np.array(units, object), units="1", description="unit of the index")
    texts = np.array([v.text for v in VARIANTS], object)
    put(data, "variant_text", ("variant",), texts, units="1", description="what the variant assumes")

    def of(name: str, chosen: dict[str, list[str]] | None = None) -> FloatArray:
        parts = [c.data[name].sel({"structure": names, **(chosen or {})}) for c in comparisons]
        return np.stack([p.to_numpy() for p in parts])

    order = ("state", "structure", "index")
    values = of("index_value", {"index": list(JUDGED), "engine": list(ENGINES)})
    put(
        data, "index_value", (*order, "engine"), values, units="see index_unit",
        description="index of the dose to full decay in the geometry of the state",
    )  # fmt: skip
    for name, description in (
        ("index_std_dev", "type A standard uncertainty of the Monte Carlo value"),
        ("index_bias", "estimated bias of the Monte Carlo value by noise; not subtracted"),
    ):
        put(
            data,
            name,
            order,
            of(name, {"index": list(JUDGED)}),
            units="see index_unit",
            description=description,
        )
    budget = of("budget_value", {"budget_step": list(STEPS), "index": list(JUDGED)})
    put(
        data, "budget_value", ("state", "budget_step", "structure", "index"), budget, units="see index_unit",
        description="index at the step; a term is the change from the step before",
    )  # fmt: skip
    put(
        data, "variant_value", ("variant", "structure", "index"), variants, units="see index_unit",
        description="index by TG-43 under the variant's assumptions",
    )  # fmt: skip
    put(
        data, "structure_volume", ("state", "structure"), of("structure_volume"), units="cm3",
        description="volume inside the contours on the dose grid",
    )  # fmt: skip
    put(
        data, "structure_medium", ("state", "structure", "medium_name"), of("structure_medium"), units="%",
        description="part of the structure's volume that the medium fills",
    )  # fmt: skip
    counts = [len(case.implant) for case in cases]
    put(data, "seeds", ("state",), counts, units="1", description="number of seeds in place")
    return data


def _put_names(data: xr.Dataset, name: str, values: Iterable[object], description: str) -> None:
    put(data, name, (name,), np.array(list(values), dtype=object), units="1", description=description)


def _attributes(
    draw: LesionDraw,
    protocol: CohortProtocol,
    planned: PlannedLesion,
    cases: Sequence[Case],
    comparisons: Sequence[Comparison],
) -> dict[str, object]:
    what = draw.lesion
    attributes: dict[str, object] = {
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
    for state, case, comparison in zip(STATES, cases, comparisons, strict=True):
        found = comparison.data.attrs
        attributes |= {
            f"{state}_case_digest": case.digest(),
            f"{state}_settings_digest": found["settings_digest"],
            f"{state}_histories": found["histories"],
            f"{state}_cpu_time_s": found["cpu_time_s"],
        }
    attributes["tg43_settings"] = str(comparisons[0].data.attrs["tg43_settings"])
    attributes["monte_carlo_settings"] = str(comparisons[0].data.attrs["monte_carlo_settings"])
    return attributes
