"""The page of an in-silico cohort: side by side with a published series, either engine, what makes the difference."""

from __future__ import annotations

import numpy as np

from validation.report.cohort import CohortPage, PageSection, TableText, p_text
from validation.report.cohort_figures import as_image
from validation.report.cohort_in_silico_figures import engines_figure, pairs_figure
from validation.report.cohort_in_silico_text import discussion, spread
from validation.report.number_text import NOT_DEFINED, number
from validation.studies.cohort_dosimetry import CohortDosimetry
from validation.studies.cohort_implant import CLOSEST, LADDER
from validation.studies.cohort_in_silico import COLUMNS, LABELS, InSilicoCohort, row_of
from validation.studies.cohort_indices import STEPS
from validation.studies.cohort_intervals import Description
from validation.studies.cohort_protocol import PLACEMENTS
from validation.studies.cohort_published import PUBLISHED, PUBLISHED_LESIONS, PublishedIndex, departure
from validation.studies.cohort_variants import VARIANTS

_SHOWN = ("tg43", "monte_carlo")
_TIMES = (("before", "plan"), ("after", "verification"))
_SKEWED = "†"


def in_silico_page(cohort: InSilicoCohort, statistics: dict[str, CohortDosimetry]) -> CohortPage:
    """Everything the cohort says.

    Parameters
    ----------
    cohort : InSilicoCohort
        The cohort.
    statistics : dict of str to CohortDosimetry
        The dosimetry table of either engine.

    Returns
    -------
    CohortPage
    """
    n = cohort.data.sizes["lesion"]
    told = "; ".join(
        f"{LABELS[e]} {_mean_sd(c.before, 1)} → {_mean_sd(c.after, 1)} Gy (p {_equals(c.p)})"
        for e in _SHOWN
        for c in (row_of(statistics[e], "D90").comparison,)
    )
    published = PUBLISHED[0]
    answer = (
        f"D90 before → after: {told}; published {published.before:g} ± {published.before_sd:g} → {published.after:g} ± "
        f"{published.after_sd:g} Gy."
    )
    return CohortPage(
        "In-silico cohort", f"{n} generated lesions, planned, implanted and verified", answer,
        (
            PageSection(
                "Beside the published series",
                (_side_by_side(statistics), _departures(statistics)),
                as_image(pairs_figure(cohort)),
                "D90 and D100 of every lesion before and after, by TG-43 and Monte Carlo, beside the published means",
                f"{cohort.protocol.target} of every lesion (lines), mean ± sd over lesions (squares).",
            ),
            PageSection("What the differences are", (), paragraphs=discussion(cohort, statistics)),
            PageSection(
                "Either engine",
                (_steps(cohort), _structures(cohort)),
                as_image(engines_figure(cohort)),
                "D90 by Monte Carlo against D90 by TG-43, colour by fat in the target",
                f"D90 of {cohort.protocol.target}. Filled: plan; open: verification.",
            ),
            PageSection("Other assumptions", (_variants(cohort),)),
            PageSection("Lesions", (_lesions(cohort),)),
        ),
        _notes(cohort, statistics), _methods(cohort),
    )  # fmt: skip


def _equals(p: float) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"


def _mean_sd(d: Description, places: int) -> str:
    return f"{number(d.mean, places)} ± {number(d.std_dev, places)}" if d.n else NOT_DEFINED


def _places(name: str, unit: str) -> int:
    return {"Gy": 1, "%": 1}.get(unit, 2)


def _published_cell(one: PublishedIndex, time: str) -> str:
    mean, sd = (one.before, one.before_sd) if time == "before" else (one.after, one.after_sd)
    return (
        f"{mean:g}"
        if np.isnan(sd)
        else f"{mean:.2f} ± {sd:.2f}"
        if one.unit == "Gy"
        else f"{mean:g} ± {sd:g}"
    )


def _side_by_side(statistics: dict[str, CohortDosimetry]) -> TableText:
    rows = []
    for one in PUBLISHED:
        cells = [f"{one.name} [{one.unit}]" if one.unit else one.name]
        cells += [_published_cell(one, time) for time, _ in _TIMES]
        for engine in _SHOWN:
            c = row_of(statistics[engine], one.name).comparison
            mark = "" if c.by_mean else _SKEWED
            places = _places(one.name, one.unit)
            cells += [_mean_sd(c.before, places), _mean_sd(c.after, places), p_text(c.p) + mark]
        rows.append(tuple(cells))
    lesions = statistics["tg43"].lesions
    return TableText(
        f"mean ± sd over lesions; published: {PUBLISHED_LESIONS} lesions, here {lesions}. p: paired t, {_SKEWED} "
        f"Wilcoxon "
        f"signed-rank where the differences are not normal.",
        ("index", "published before", "published after", "TG-43 before", "TG-43 after", "p", "Monte Carlo before",
         "Monte Carlo after", "p"),
        tuple(rows),
    )  # fmt: skip


def _departures(statistics: dict[str, CohortDosimetry]) -> TableText:
    rows = []
    for one in PUBLISHED:
        if np.isnan(one.before_sd):
            continue
        for time, mean, sd in (("before", one.before, one.before_sd), ("after", one.after, one.after_sd)):
            cells = [f"{one.name} {time} [{one.unit}]"]
            for engine in _SHOWN:
                d: Description = getattr(row_of(statistics[engine], one.name).comparison, time)
                found = departure(d, mean, sd)
                cells += [
                    f"{number(found.difference, 1, sign=True)} ({number(found.low, 1)} to {number(found.high, 1)})",
                    f"{number(found.spread, 2)} ({number(found.spread_low, 2)} to {number(found.spread_high, 2)})",
                ]
            rows.append(tuple(cells))
    return TableText(
        "Cohort minus published mean, and ratio of the standard deviations, with 95 % intervals (Welch; F).",
        ("index", "TG-43: difference", "ratio of sd", "Monte Carlo: difference", "ratio of sd"), tuple(rows),
    )  # fmt: skip


def _steps(cohort: InSilicoCohort) -> TableText:
    rows = []
    for index, unit in (("D90", "Gy"), ("D100", "Gy"), ("V100", "%"), ("V150", "%")):
        for time, state in _TIMES:
            cells = [f"{index} {time} [{unit}]", spread(cohort.values(index, state, "tg43"), "")]
            cells += [
                f"{number(float(t.mean()), 1, sign=True)} ± {number(float(t.std(ddof=1)), 1)}"
                for t in (cohort.step(index, state, step) for step in STEPS[1:])
            ]
            rows.append((*cells, spread(cohort.values(index, state, "monte_carlo"), "")))
    return TableText(
        f"From TG-43 to Monte Carlo, {cohort.protocol.target}, mean ± sd over lesions. Dose-rate constant: that of the "
        f"simulated seed; radiation field: scatter, seeds and tissue that shield, as dose to water; dose to "
        f"medium: what "
        f"the tissue itself absorbs.",
        ("index", "TG-43", *STEPS[1:], "Monte Carlo"), tuple(rows),
    )  # fmt: skip


def _structures(cohort: InSilicoCohort) -> TableText:
    rows = []
    for structure in (str(s) for s in cohort.data.structure.to_numpy()):
        volume = cohort.data.structure_volume.sel(structure=structure)
        for index, heading, unit in COLUMNS:
            places = 2 if not unit else 1
            cells = [f"{structure} {heading}" + (f" [{unit}]" if unit else "")]
            for engine in _SHOWN:
                cells += [spread(cohort.values(index, s, engine, structure), "", places) for _, s in _TIMES]
            rows.append(tuple(cells))
        cells = [spread(volume.sel(state=s).to_numpy(), "", 2) for _, s in _TIMES]
        rows.append((f"{structure} volume [cm³]", *cells, *cells))
    return TableText(
        "Either structure, mean ± sd over lesions.",
        ("index", "TG-43 before", "TG-43 after", "Monte Carlo before", "Monte Carlo after"), tuple(rows),
    )  # fmt: skip


def _variants(cohort: InSilicoCohort) -> TableText:
    texts = {v.name: v.text for v in VARIANTS}
    named = [("plan", "plan", "as in the tables above"), ("verification", "verification", "as above")]
    rows = [
        (name, text, *(spread(cohort.values(i, state, "tg43"), "", 1 if u else 2) for i, _, u in COLUMNS))
        for name, state, text in named
    ]
    rows += [
        (name, text, *(spread(cohort.variant(i, name), "", 1 if u else 2) for i, _, u in COLUMNS))
        for name, text in texts.items()
    ]
    heads = (f"{heading} [{unit}]" if unit else heading for _, heading, unit in COLUMNS)
    return TableText(
        f"TG-43, {cohort.protocol.target}, mean ± sd over lesions.",
        ("assumption", "what it means", *heads),
        tuple(rows),
    )


def _lesions(cohort: InSilicoCohort) -> TableText:
    data, rows = cohort.data, []
    doses = {(e, s): cohort.values("D90", s, e) for e in _SHOWN for _, s in _TIMES}
    fat = cohort.share_of("adipose", "plan")
    for k, number_ in enumerate(data.lesion.to_numpy()):
        one = data.isel(lesion=k)
        seeds = [int(one.seeds.sel(state=s)) for _, s in _TIMES]
        rows.append(
            (
                str(number_), str(one.site.item()), number(float(one.gtv_volume_cm3), 2), number(fat[k], 0),
                f"{float(one.prescription_dose_gy):g}", f"{float(one.strength_mbq):g}", f"{seeds[0]} → {seeds[1]}",
                str(one.planned_by.item()), number(100 * (float(one.volume_ratio_at_verification) - 1), 0),
                *(
                    f"{number(doses[e, 'plan'][k], 1)} → {number(doses[e, 'verification'][k], 1)}"
                    for e in _SHOWN
                ),
            )
        )  # fmt: skip
    return TableText(
        "Every lesion; fat in the planned target; edema on the day of verification.",
        ("lesion", "beside", "GTV [cm³]", "fat [%]", "prescribed [Gy]", "MBq per seed", "seeds", "planned", "edema [%]",
         "D90 TG-43 [Gy]", "D90 Monte Carlo [Gy]"),
        tuple(rows),
    )  # fmt: skip


def _notes(cohort: InSilicoCohort, statistics: dict[str, CohortDosimetry]) -> tuple[str, ...]:
    names = {rung.name: rung.text for rung in LADDER}
    names[CLOSEST] = "prescription not reached, closest plan implanted"
    rungs = "; ".join(f"{names.get(name, name)}: {count}" for name, count in cohort.rungs.items())
    seeds = [int(cohort.data.seeds.sel(state=s).sum()) for _, s in _TIMES]
    return (
        "Generated lesions in one generated neck, not patients. Nothing was adjusted to agree with the published "
        "series.",
        f"Planned: {rungs}.",
        f"{seeds[0]} seeds planned, {seeds[0] - seeds[1]} lost.",
        "In which structure, on which grid and with which guidance the published series has its numbers is not known "
        "here; part of any difference is theirs.",
    )


def _methods(cohort: InSilicoCohort) -> tuple[str, ...]:
    p = cohort.protocol
    edema = " to ".join(f"{100 * m:g}" for m in p.edema)
    half_life = " to ".join(f"{t:g}" for t in p.edema_half_life_d)
    doses, strengths = (
        ", ".join(f"{v:g}" for v in values) for values in (p.prescriptions_gy, p.strengths_mbq)
    )
    volumes = " to ".join(f"{v:g}" for v in p.volumes_cm3)
    return (
        f"Lesions: GTV of {volumes} cm³ beside skin, airway, bone or vessels; PTV 3 mm larger. {p.target} is "
        f"planned and "
        f"judged. Prescriptions {doses} Gy and seeds {strengths} MBq drawn with seed {p.cohort_seed}.",
        "Plans: D90 at the prescription by TG-43 with the fewest seeds. Where that fails, one limit after the other is "
        "given up: the strength drawn, 10 mm below the skin (5 mm), one needle direction.",
        f"Placement, {p.placement}: {PLACEMENTS[p.placement].source}. Loss of a seed: {100 * p.loss:g} % "
        f"(reports: 0.5 to 1.1 %).",
        f"Edema V₀(1 + M 2^(−t/T)), M {edema} %, T {half_life} d, drawn for every lesion. Both are of the prostate "
        f"(Waterman et al. 1998, Int. J. Radiat. Oncol. Biol. Phys. 41, 1069); none was found for the neck.",
        f"Verification: CT on day {p.verification_day:g}, target and seeds known without error; dose to full decay "
        f"as if "
        f"that geometry stayed, as clinics compute it.",
        f"Both engines on voxels of {p.voxel_mm:g} mm; Monte Carlo with all seeds solid in the patient's tissues, "
        f"dose to "
        f"medium, until the mean type A uncertainty in the target's voxels is {100 * p.uncertainty:g} %.",
        "HI is (V100 − V150)/V100, which agrees with the published V100, V150 and HI.",
        f"Protocol digest {p.digest()[:16]}.",
    )
