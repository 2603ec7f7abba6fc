"""The report of a study: one HTML file that opens anywhere, and its numbers as CSV."""

from __future__ import annotations

from pathlib import Path

from validation.case import Case
from validation.case.whole_file import whole_file
from validation.report.number_text import duration, measured, number
from validation.report.page import render_page
from validation.report.plotly_figure import embedded
from validation.report.study_figures import (
    course_figure,
    index_figure,
    sobol_figure,
    spread_text,
    tornado_figure,
)
from validation.report.study_map_figure import map_figure
from validation.report.study_tables import csv_text, effect_rows, study_tables
from validation.studies.study_file import Study
from validation.studies.study_sobol import FINAL_VOLUME, SHRINKAGE_RATE, factor_names
from validation.studies.study_summary import QUANTILES, Summary, summarised

SCORED = {
    "patient": "dose to medium in the patient's tissues",
    "water_body": "dose in a body of water",
    "water": "dose in water",
}


def headline(study: Study, summary: Summary) -> list[str]:
    """What was found, in sentences."""
    target = str(study.data.structure.values[0])
    scenarios = [s.name for s in study.settings.scenarios]
    engines = [e for e in ("monte_carlo", "tg43") if study.members(e)]
    lines = []
    plan = summary.row(scenarios[0], target, "D90")
    for engine in engines:
        mc = engine == "monte_carlo"
        rows = [summary.row(name, target, "D90") for name in scenarios[1:]] or [plan]
        worst = min(rows, key=lambda r: r.monte_carlo_mean if mc else r.tg43_mean)
        before = measured(plan.plain_mean, plan.plain_mean_std_dev, "Gy") if mc else number(plan.tg43_mean, 1)
        after = (
            measured(worst.monte_carlo_mean, worst.monte_carlo_mean_std_dev, "Gy")
            if mc
            else number(worst.tg43_mean, 1)
        )
        spread = worst.monte_carlo_spread if mc else worst.tg43_spread
        lines.append(
            f"By {'Monte Carlo' if mc else 'TG-43'}, D90 of {target} goes from {before} Gy in the plan to "
            f"{after} Gy on average with {_kept_together(worst.scenario)} (spread {number(spread, 1)} Gy)."
        )
    gains = [
        r.variance_reduction for r in summary.rows
        if (r.structure, r.index) == (target, "D90") and r.variance_reduction == r.variance_reduction
    ]  # fmt: skip
    if gains:
        least, most = (f"{g:.0f}" if g >= 2.0 else f"{g:.1f}" for g in (min(gains), max(gains)))
        times = most if least == most else f"{least} to {most}"
        lines.append(
            f"With TG-43 as control variate the variance of the mean D90 is {times} times smaller than by Monte Carlo "
            f"alone of the same CPU time."
        )
    return lines


def _kept_together(scenario: str) -> str:
    """A scenario's name whose numbers keep their units on one line."""
    return scenario.replace(" %", "\u00a0%").replace(" mm", "\u00a0mm").replace("σ ", "σ\u00a0")


def render_study(study: Study, summary: Summary) -> str:
    """Render the report.

    Parameters
    ----------
    study : Study
        Members.
    summary : Summary
        Estimates from them.

    Returns
    -------
    str
        HTML with style sheet, plotly.js and data inside; all text from the case is escaped.
    """
    settings = study.settings
    factors = factor_names(settings)
    ranges = [
        f"σ {settings.sobol_sigma_mm[0]:g} to {settings.sobol_sigma_mm[1]:g} mm",
        f"edema {100 * settings.sobol_edema[0]:g} to {100 * settings.sobol_edema[1]:g} %",
        f"its half-life {settings.sobol_half_life_d[0]:g} to {settings.sobol_half_life_d[1]:g} d",
        f"calibration ± {100 * settings.calibration_sd:g} %", f"half-life ± {settings.half_life_sd_d:g} d",
    ]  # fmt: skip
    if FINAL_VOLUME in factors:
        low, high = settings.sobol_final_volume
        ranges.append(f"final volume {100 * low:g} to {100 * high:g} %")
    if SHRINKAGE_RATE in factors:
        low, high = settings.sobol_shrinkage_per_d
        ranges.append(f"rate {100 * low:g} to {100 * high:g} % per day")
    return render_page(
        "study.html",
        plotly=True,
        band=spread_text(QUANTILES[0], QUANTILES[-1]),
        case_name=settings.case_name or "case",
        courses=embedded(course_figure(study), "courses"),
        course_note=_course_note(study),
        definitions=dict(zip(study.data["index"].values, study.data.index_definition.values, strict=True)),
        digests=[
            ("Case", settings.case_digest),
            ("Settings", settings.digest()),
            ("Content", study.content_digest()),
        ],
        effects=effect_rows(study),
        engines=[e for e in ("monte_carlo", "tg43") if study.members(e)],
        facts=_facts(study, summary),
        headline=headline(study, summary),
        indices=embedded(index_figure(study, summary), "indices"),
        kind=settings.kind,
        map_members=settings.map_members,
        map_noise=_map_noise(study),
        maps=embedded(map_figure(study), "maps"),
        notes=_notes(study),
        prescription=settings.prescription_gy,
        scored=SCORED[settings.media],
        sobol=embedded(sobol_figure(study), "sobol"),
        sobol_base=len(study.members("sobol")),
        sobol_factors=", ".join(ranges),
        tornado=embedded(tornado_figure(study, summary), "tornado"),
        tables=study_tables(study, summary),
        target=str(study.data.structure.values[0]),
    )


def _course_note(study: Study) -> str:
    engines = [
        text for name, text in (
            ("monte_carlo_course_value", "Monte Carlo (lines, bands: 95 % interval by the noise)"),
            ("course_value", "TG-43 times what tissue does to the plan (dots)"),
        ) if name in study.data
    ]  # fmt: skip
    return "; ".join(engines) + "."


def _map_noise(study: Study) -> str:
    if "monte_carlo_map_noise" not in study.data:
        return ""
    noise = 100.0 * study.data.monte_carlo_map_noise.values
    return f"; Monte Carlo is known to {noise.min():.1f} to {noise.max():.1f} % in a voxel of the target"


def _facts(study: Study, summary: Summary) -> list[tuple[str, str]]:
    settings = study.settings
    engines = {
        "tg43": "TG-43", "monte_carlo": "Monte Carlo", "sobol": "TG-43 for Sobol’ indices (base samples)",
        "alternatives": "Monte Carlo for alternatives",
    }  # fmt: skip
    of_each = (
        "all members have the same"
        if settings.random_numbers == "common"
        else "every member has its own, the same in all scenarios"
    )
    histories = number(settings.histories, 0)
    facts = [
        ("Members", ", ".join(f"{len(study.members(e))} by {n}" for e, n in engines.items() if study.members(e))),
        ("Voxels", f"{settings.voxel_mm:g} mm; {settings.media}, {settings.seeds}; beyond the CT: {settings.beyond}"),
        ("Histories", f"{histories} photons that leave their seeds, per member and point in time"),
        ("Points in time", f"{2 ** (settings.time_level - 1) + 1} where tissue changes"),
        ("Random seeds", f"displacements {settings.study_seed}; Monte Carlo {settings.run_seed}, {of_each}"),
    ]  # fmt: skip
    facts += [
        (
            f"CPU time of a {engines[e]} member",
            f"{duration(cost) if cost >= 1.0 else f'{1000 * cost:.3g} ms'}, all {len(settings.scenarios)} scenarios",
        )
        for e, cost in summary.costs.items()
    ]
    if best := summary.allocation:
        text = (
            f"{best.monte_carlo} Monte Carlo and {best.tg43} TG-43 members: variance of the mean D90 "
            f"{best.variance_reduction:.0f} times smaller than by Monte Carlo alone"
        )
        facts.append(("Best for this CPU time", text))
    facts += [
        ("Case digest", settings.case_digest),
        ("Settings digest", settings.digest()),
        ("Content digest", study.content_digest()),
    ]
    return facts


def _notes(study: Study) -> list[str]:
    notes = [
        "D and V indices are of the structure’s whole volume; what seeds fill of it (some 0.5 %) is not taken out, for "
        "both engines alike.",
        "TG-43 is evaluated at the middles of the voxels; Monte Carlo scores the mean over each voxel.",
    ]
    if study.members("monte_carlo"):
        notes += [
            "Control: the index of the TG-43 dose times the plan’s ratio of Monte Carlo to TG-43 in every voxel, or of "
            "the TG-43 dose as it is, whichever serves better. The line that ties it to Monte Carlo is fitted without "
            "the members it is used on, so that means and probabilities have no bias; quantiles and standard "
            "deviations have none for many members.",
            "Noise is found from parts of each member’s histories, and its variance taken off the spread. What is "
            "common to all histories (the water table, the air-kerma strength per photon) is not part of it.",
        ]
    return notes


def write_study_report(study: Study, path: str | Path, case: Case | None = None) -> Summary:
    """Write the report and, beside it, its numbers as CSV.

    Parameters
    ----------
    study : Study
        Members.
    path : path
        HTML file; the numbers go to the same name with ``.csv``.
    case : Case, optional
        Not needed; for the prescription if the settings lack it.

    Returns
    -------
    Summary
        The estimates shown.
    """
    path = Path(path)
    prescription = study.settings.prescription_gy or (case.prescription.dose_gy if case else 0.0)
    summary = summarised(study, prescription)
    for target, text in (
        (path, render_study(study, summary)),
        (path.with_suffix(".csv"), csv_text(summary)),
    ):
        with whole_file(target) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return summary
