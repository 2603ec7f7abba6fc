"""What an in-silico cohort says, in sentences whose every number, and every rise or fall, comes from its data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from validation.report.cohort import p_text
from validation.report.number_text import number
from validation.studies.cohort_dosimetry import CohortDosimetry
from validation.studies.cohort_in_silico import InSilicoCohort, fat_and_engines, relative_to_plan, row_of
from validation.studies.cohort_indices import STEPS
from validation.studies.cohort_published import PUBLISHED
from validation.studies.cohort_variants import other_placement

FloatArray = NDArray[np.float64]
_NOTHING = 0.05  # of what is printed with one decimal


def spread(values: FloatArray, unit: str, places: int = 1) -> str:
    """Mean ± sd over lesions.

    Examples
    --------
    >>> spread(np.array([1.0, 2.0, 3.0]), "Gy")
    '2.0 ± 1.0 Gy'
    """
    known = values[np.isfinite(values)]
    text = number(float(known.mean()) if len(known) else float("nan"), places)
    if len(known) > 1:
        text += f" ± {number(float(known.std(ddof=1)), places)}"
    return f"{text} {unit}".rstrip()


def moves(change: float, unit: str, places: int = 1) -> str:
    """A change as a verb with its size.

    Examples
    --------
    >>> moves(-3.21, "Gy"), moves(0.5, "%"), moves(0.01, "Gy")
    ('falls by 3.2 Gy', 'rises by 0.5 %', 'stays as it is (+0.0 Gy)')
    """
    if abs(change) < _NOTHING:
        return f"stays as it is ({number(change, places, sign=True)} {unit})"
    return f"{'rises' if change > 0 else 'falls'} by {number(abs(change), places)} {unit}"


def _range(values: FloatArray, places: int) -> str:
    return f"{number(float(np.nanmin(values)), places)} to {number(float(np.nanmax(values)), places)}"


def discussion(cohort: InSilicoCohort, statistics: dict[str, CohortDosimetry]) -> tuple[str, ...]:
    """Differences to the published series and between the engines, with what the runs say of their causes.

    Parameters
    ----------
    cohort : InSilicoCohort
        The cohort.
    statistics : dict of str to CohortDosimetry
        Of either engine.

    Returns
    -------
    tuple of str
        Paragraphs.
    """
    return (
        _planned(cohort),
        _after(cohort, statistics),
        _spread_after(cohort),
        _coldest(cohort),
        _engines(cohort),
        _core(cohort),
        _time(cohort),
    )


def _planned(cohort: InSilicoCohort) -> str:
    plan = cohort.values("D90", "plan", "tg43")
    published = PUBLISHED[0]
    reached = int((plan >= cohort.prescriptions).sum())
    return (
        f"D90 before. The planner stops where D90 reaches the prescription: D90 over prescription is "
        f"{spread(plan / cohort.prescriptions, '', 3)} ({reached} of {len(plan)} lesions reach it). "
        f"Over lesions the planned D90 has an sd of {number(float(plan.std(ddof=1)), 1)} Gy, the prescriptions of "
        f"{number(float(cohort.prescriptions.std(ddof=1)), 1)} Gy, the published D90 of "
        f"{number(published.before_sd, 1)} Gy."
    )


def _after(cohort: InSilicoCohort, statistics: dict[str, CohortDosimetry]) -> str:
    c = row_of(statistics["tg43"], "D90").comparison
    plan, after = (cohort.values("D90", state, "tg43") for state in ("plan", "verification"))
    told = relative_to_plan(cohort, "D90")
    published = PUBLISHED[0]
    reached = int((after >= cohort.prescriptions).sum())
    relative = 100 * (after / plan - 1)
    return (
        f"D90 after. By TG-43 it {moves(c.difference.mean, 'Gy')} on average ({spread(relative, '%')}); the "
        f"published one "
        f"{moves(published.after - published.before, 'Gy')}. Displaced and lost seeds alone: "
        f"{number(told['placement only'].mean, 1, sign=True)} Gy; edema alone: "
        f"{number(told['edema only'].mean, 1, sign=True)} Gy; with {other_placement(cohort.protocol)} instead of "
        f"{cohort.protocol.placement} placement and the same edema: "
        f"{number(told['other placement'].mean, 1, sign=True)} Gy. "
        f"D90 after is at or above the prescription in {reached} of {len(after)} lesions. "
        f"An operator who sees where the seeds lie adds some: with "
        f"{number(float(cohort.data.seeds_added.mean()), 1)} more per lesion "
        f"({int(cohort.data.seeds_added.sum())} in all), until D90 of those in place is the prescription, D90 on the "
        f"day of verification is {spread(cohort.variant('D90', 'seeds added'), 'Gy')}."
    )


def _spread_after(cohort: InSilicoCohort) -> str:
    plan, after = (cohort.values("D90", state, "tg43") for state in ("plan", "verification"))
    published = PUBLISHED[0]
    small = cohort.data.gtv_volume_cm3.to_numpy() <= float(np.median(cohort.data.gtv_volume_cm3))
    loss = 100 * (after / plan - 1)
    return (
        f"Spread of D90. From before to after it goes from {number(float(plan.std(ddof=1)), 1)} to "
        f"{number(float(after.std(ddof=1)), 1)} Gy by TG-43 (published: {number(published.before_sd, 1)} to "
        f"{number(published.after_sd, 1)} Gy). The smaller half of the lesions changes by "
        f"{spread(loss[small], '%')}, the "
        f"larger half by {spread(loss[~small], '%')}."
    )


def _coldest(cohort: InSilicoCohort) -> str:
    plan = cohort.values("D100", "plan", "tg43")
    coarse = cohort.variant("D100", "plan, coarse voxels")
    d90 = cohort.variant("D90", "plan, coarse voxels") - cohort.values("D90", "plan", "tg43")
    ratio = plan / cohort.values("D90", "plan", "tg43")
    published = PUBLISHED[1].before / PUBLISHED[0].before
    edge = cohort.protocol.voxel_mm
    return (
        f"D100 is the coldest voxel and hangs on the grid: on voxels of {2 * edge:g} instead of {edge:g} mm that "
        f"of the "
        f"plan by TG-43 {moves(float((coarse - plan).mean()), 'Gy')} on average, D90 {moves(float(d90.mean()), 'Gy')}. "
        f"D100 over D90 of the plan is {spread(ratio, '', 2)}; that of the published means is {number(published, 2)}."
    )


def _engines(cohort: InSilicoCohort) -> str:
    tg43, monte_carlo = (cohort.values("D90", "plan", e) for e in ("tg43", "monte_carlo"))
    after = cohort.values("D90", "verification", "monte_carlo") / cohort.values("D90", "verification", "tg43")
    ratio = monte_carlo / tg43
    terms = [100 * cohort.step("D90", "plan", step) / tg43 for step in STEPS[1:]]
    words = ", ".join(
        f"{step} {number(float(t.mean()), 1, sign=True)} %" for step, t in zip(STEPS[1:], terms, strict=True)
    )
    fat = cohort.share_of("adipose", "plan")
    association = fat_and_engines(cohort)
    noise = _noise(cohort)
    return (
        f"Monte Carlo against TG-43. D90 of {cohort.protocol.target} by Monte Carlo is {spread(ratio, '', 2)} of "
        f"that by "
        f"TG-43 before ({_range(ratio, 2)}) and {spread(after, '', 2)} after. Steps of the mean before, of TG-43's "
        f"D90: "
        f"{words}. Fat fills {spread(fat, '%')} of the target's volume ({_range(fat, 0)} %); rank correlation of "
        f"the ratio with it {number(association.rho, 2)} (p {_equals(association.p)}). Type A uncertainty of a "
        f"lesion's "
        f"D90: at most {number(noise, 2)} %."
    )


def _noise(cohort: InSilicoCohort) -> float:
    std_dev = cohort.data.index_std_dev.sel(index="D90", structure=cohort.protocol.target)
    value = cohort.data.index_value.sel(index="D90", structure=cohort.protocol.target, engine="monte_carlo")
    return float(100 * (std_dev / value).max())


def _equals(p: float) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"


def _core(cohort: InSilicoCohort) -> str:
    other = next(str(s) for s in cohort.data.structure.to_numpy() if str(s) != cohort.protocol.target)
    ratio, fat = {}, {}
    for structure in (cohort.protocol.target, other):
        tg43, monte_carlo = (cohort.values("D90", "plan", e, structure) for e in ("tg43", "monte_carlo"))
        ratio[structure] = monte_carlo / tg43
        share = cohort.data.structure_medium.sel(state="plan", structure=structure, medium_name="adipose")
        fat[structure] = np.asarray(share.to_numpy(), np.float64)
    return (
        f"Within {other}, of which fat fills {spread(fat[other], '%')}, D90 by Monte Carlo is "
        f"{spread(ratio[other], '', 2)} of that by TG-43 before; within {cohort.protocol.target} it is "
        f"{spread(ratio[cohort.protocol.target], '', 2)}. Energy absorption of fat per mass is some 0.6 of that of "
        f"water "
        f"at these energies: dose to medium falls there, and TG-43 does not know."
    )


def _time(cohort: InSilicoCohort) -> str:
    frozen, accumulated = (cohort.variant("D90", name) for name in ("frozen", "accumulated"))
    relative = 100 * (accumulated / frozen - 1)
    swelling = 100 * (cohort.data.volume_ratio_at_verification.to_numpy() - 1)
    return (
        f"Time. The verification takes the geometry of day {cohort.protocol.verification_day:g} for ever, when the "
        f"target "
        f"is {spread(swelling, '%')} larger than planned. Accumulated in the tissue while the edema resolves, D90 "
        f"by TG-43 "
        f"is {spread(relative, '%')} different ({_range(relative, 1)} %)."
    )
