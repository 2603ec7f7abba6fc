"""The three analyses of a cohort as pages: dosimetry, response, survival."""

from __future__ import annotations

import math

from validation.report.cohort import (
    CohortPage,
    PageSection,
    TableText,
    described,
    p_text,
    share_text,
)
from validation.report.cohort_figures import as_image, kaplan_meier_figure
from validation.report.number_text import NOT_DEFINED, number
from validation.studies.cohort_dosimetry import CohortDosimetry, DosimetryRow
from validation.studies.cohort_groups import GroupTest
from validation.studies.cohort_paired import PairedComparison
from validation.studies.cohort_recist import CATEGORIES, NOT_EVALUABLE
from validation.studies.cohort_response import CohortResponse
from validation.studies.cohort_survival import CohortSurvival, Endpoint

_PLACES = {"Gy": 2, "%": 1, "cm³": 2, "": 2, "MBq": 1, "U": 3}
_NOT_REACHED = "not reached"
_SKEWED = "†"


def _named(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name


def _places(row_name: str, unit: str) -> int:
    return 1 if row_name == "seeds" else _PLACES.get(unit, 2)


def dosimetry_page(result: CohortDosimetry) -> CohortPage:
    """The dosimetry table of a paper.

    Parameters
    ----------
    result : CohortDosimetry
        Quantities before and after.

    Returns
    -------
    CohortPage
    """
    tested = [r for r in result.rows if not math.isnan(r.comparison.p)]
    below = [r.name for r in tested if r.comparison.p < 0.05]
    missing = sum(c.before_only + c.after_only + c.neither for c in (r.comparison for r in result.rows))
    notes = []
    if missing:
        notes.append(
            f"{missing} pairs are incomplete and left out, each in its own row only (columns n and missing)."
        )
    if result.left_out:
        notes.append(f"Columns without a dosimetric quantity: {', '.join(result.left_out)}.")
    if result.assumed_units:
        notes.append(f"Units that no heading states, assumed: {', '.join(result.assumed_units)}.")
    if any(_skewed(r.comparison, result.alpha) for r in result.rows):
        notes.append(
            f"{_SKEWED} A column by itself is not normal, though the differences are: see its median in the CSV too."
        )
    sections = []
    if result.rows:
        caption = (
            f"{result.lesions} lesions. mean ± sd where tested by paired t, median (P25, P75) where by Wilcoxon; "
            f"effect: after − before."
        )
        headings = (
            "quantity",
            "n",
            "missing",
            "before",
            "after",
            "effect (95 % interval)",
            "test",
            "p",
            "p (Holm)",
        )
        rows = tuple(_dosimetry_row(r, result.alpha) for r in result.rows)
        sections.append(PageSection("Before and after", (TableText(caption, headings, rows),)))
    if result.described:
        sections.append(
            PageSection(
                "At one time only",
                (
                    TableText(
                        "Described, not tested.",
                        ("quantity", "time", "n", "missing", "value"),
                        tuple(
                            (
                                _named(d.name, d.unit),
                                d.time or NOT_DEFINED,
                                str(d.values.n),
                                str(d.missing),
                                described(d.values, d.normal, _places(d.name, d.unit)),
                            )
                            for d in result.described
                        ),
                    ),
                ),
            )
        )
    answer = f"{len(tested)} quantities compared in {result.lesions} lesions; p < 0.05: {', '.join(below) or 'none'}."
    rule = (
        f"Shapiro-Wilk on the paired differences at level {result.alpha:g}: paired t if nothing speaks against a "
        f"normal distribution, Wilcoxon's signed-rank test (differences of 0 left out) otherwise."
        if result.choice == "auto"
        else f"Test asked for: {result.choice}."
    )
    return CohortPage(
        "Dosimetry of a cohort", result.source.name, answer, tuple(sections), tuple(notes),
        (
            rule,
            "Quantities with one time, or with fewer than three pairs: mean ± sd if their columns pass Shapiro-Wilk.",
            "Quartiles by linear interpolation (type 7); sd with n − 1; complete pairs only; two-sided p values.",
            "Effect: mean difference with Student's interval, or Hodges and Lehmann's median difference with its "
            "exact distribution-free interval (none of 95 % below six pairs).",
            "p (Holm) is adjusted for the number of rows tested.",
        ),
    )  # fmt: skip


def _skewed(c: PairedComparison, alpha: float) -> bool:
    return c.test == "paired t" and min(c.before.normality_p, c.after.normality_p) < alpha


def _dosimetry_row(row: DosimetryRow, alpha: float) -> tuple[str, ...]:
    c, places = row.comparison, _places(row.name, row.unit)
    mark = _SKEWED if _skewed(c, alpha) else ""
    limits = f"{_limit(c.low, places)} to {_limit(c.high, places)}"
    effect = NOT_DEFINED if math.isnan(c.effect) else f"{number(c.effect, places, sign=True)} ({limits})"
    return (
        _named(row.name, row.unit) + mark, str(c.n), str(c.before_only + c.after_only + c.neither),
        described(c.before, c.by_mean, places), described(c.after, c.by_mean, places), effect, c.test,
        p_text(c.p), p_text(row.p_holm),
    )  # fmt: skip


def _limit(value: float, places: int) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return number(value, places)


def response_page(result: CohortResponse) -> CohortPage:
    """Categories, rates and volumes.

    Parameters
    ----------
    result : CohortResponse
        Responses.

    Returns
    -------
    CohortPage
    """
    counted = {"patient": "patients", "lesion": "lesions", "category": "patients or lesions"}[
        result.judged_by
    ]
    which = "best response" if result.at is None else f"response at {result.at:g} {result.time_unit}"
    total = sum(sum(g.counts.values()) for g in result.groups)
    rows = tuple(
        (
            g.group,
            *(str(g.counts[c]) for c in (*CATEGORIES, NOT_EVALUABLE)),
            share_text(g.objective),
            share_text(g.control),
        )
        for g in result.groups
    )
    rates = TableText(
        f"RECIST 1.1, {which}, {total} {counted}. Rates of those that can be evaluated, with Wilson's 95 % interval.",
        ("group", *CATEGORIES, NOT_EVALUABLE, "ORR", "DCR"), rows,
    )  # fmt: skip
    sections = [PageSection("Response", (rates,))]
    names = {"categories": "categories CR, PR, SD, PD", "objective": "ORR", "control": "DCR"}
    tests = [(names[what], t) for what, t in result.tests.items()]
    tests += [(f"VRR at {v.time:g} {result.time_unit}", v.test) for v in result.volumes if v.test]
    tests += [(f"volume over time, {group}", t) for group, t in result.courses.items()]
    if result.volumes:
        sections.append(PageSection("Volume", (_volume_table(result),)))
    if tests:
        sections.append(PageSection("Comparisons", (_test_table(tests),)))
    orr = ", ".join(f"{g.group} {number(100 * g.objective.value, 0)} %" for g in result.groups)
    p = result.tests.get("categories")
    answer = f"ORR: {orr}" + (f"; Kruskal-Wallis over the categories p {_equals(p.p)}." if p else ".")
    not_evaluable = sum(g.counts[NOT_EVALUABLE] for g in result.groups)
    notes = list(result.notes)
    if result.judged_by == "lesion":
        notes.append(
            "Every lesion is judged by itself; RECIST 1.1 judges patients by the sum of their target lesions."
        )
    if not_evaluable:
        notes.append(
            f"{not_evaluable} of {total} {counted} cannot be evaluated (NE) and are in no rate and no test."
        )
    return CohortPage(
        "Response of a cohort", result.source.name, answer, tuple(sections), tuple(notes),
        (
            "CR: nodes below 10 mm short axis, other lesions gone. PR: sum at least 30 % below baseline. PD: sum at "
            "least 20 % and 5 mm above the smallest before, or a new lesion. SD: neither. NE: a target not measured.",
            "Best response: best category up to the first PD, without confirmation. Non-target lesions are not judged.",
            "Categories between groups: Kruskal-Wallis on CR < PR < SD < PD. Rates: chi-square if all expected "
            "counts are at least 5, exact (Fisher; Freeman and Halton) otherwise.",
            "V = πabc/6; VRR = (V₀ − V)/V₀. Between groups: ANOVA if all are normal (Shapiro-Wilk) with like "
            "variances (Brown-Forsythe), Kruskal-Wallis otherwise. Over time: Friedman, complete lesions only.",
        ),
    )  # fmt: skip


def _equals(p: float) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"


def _test_table(tests: list[tuple[str, GroupTest]]) -> TableText:
    rows = tuple(
        (
            what,
            t.test,
            t.why,
            ", ".join(str(n) for n in t.n),
            number(t.statistic, 2),
            ", ".join(f"{d:g}" for d in t.degrees) or NOT_DEFINED,
            p_text(t.p),
        )
        for what, t in tests
    )
    return TableText(
        "Tests, two-sided, not adjusted for their number.",
        ("compared", "test", "because", "n", "statistic", "d.f.", "p"), rows,
    )  # fmt: skip


def _volume_table(result: CohortResponse) -> TableText:
    rows = tuple(
        (
            group,
            f"{v.time:g}",
            str(v.volume[group].n),
            described(v.volume[group], by_mean=False, places=2),
            described(v.reduction[group], by_mean=False, places=1),
            described(v.reduction[group], by_mean=True, places=1),
        )
        for group in result.volumes[0].volume
        for v in result.volumes
    )
    return TableText(
        "Lesions one by one; median (P25, P75).",
        ("group", f"time [{result.time_unit}]", "n", "volume [cm³]", "VRR [%]", "VRR [%], mean ± sd"), rows,
    )  # fmt: skip


def survival_page(result: CohortSurvival) -> CohortPage:
    """Kaplan–Meier curves with medians, rates and tests.

    Parameters
    ----------
    result : CohortSurvival
        Endpoints.

    Returns
    -------
    CohortPage
    """
    sections = []
    for e in result.endpoints:
        tables = [_median_table(e)]
        if e.times:
            tables.append(_rate_table(e))
        if e.pairs:
            rows = tuple((f"{t.first} – {t.second}", p_text(t.p), p_text(t.p_holm)) for t in e.pairs)
            tables.append(TableText("Log-rank test of two groups each.", ("groups", "p", "p (Holm)"), rows))
        sections.append(
            PageSection(
                e.name, tuple(tables), as_image(kaplan_meier_figure(e)),
                f"Kaplan-Meier curves of {e.name} with numbers at risk",
                f"{e.name}, Kaplan-Meier; shaded: 95 % log-log interval; ticks: censored.",
            )
        )  # fmt: skip
    answers = []
    for e in result.endpoints:
        medians = ", ".join(f"{g.name} {_time(g.median[0])}" for g in e.groups)
        test = f"; log-rank p {_equals(e.test.p)}" if e.test else ""
        answers.append(f"{e.name}, median [{e.unit}]: {medians}{test}.")
    notes = [
        f"{e.name}: {e.missing} of {result.patients} rows lack time or event and are left out."
        for e in result.endpoints
        if e.missing
    ]
    notes += [
        f"{e.name}: groups cannot be compared (no events, or never two groups at risk together)."
        for e in result.endpoints
        if e.test and math.isnan(e.test.p)
    ]
    return CohortPage(
        "Survival of a cohort", result.source.name, " ".join(answers), tuple(sections), tuple(notes),
        (
            "Kaplan-Meier with Greenwood's variance, 95 % intervals on the log-log scale.",
            "Median: first time the curve is below 50 % (middle of the step where it runs at 50 %); interval of "
            "Brookmeyer and Crowley on the log-log scale. Follow-up: reverse Kaplan-Meier.",
            "Log-rank: Mantel's test of all groups, χ² with k − 1 degrees of freedom; it sees proportional hazards "
            "best and can miss curves that cross.",
            "Censoring is taken as independent of the outcome. Where death without "
            "progression is censored, it competes: the curve then overstates progression.",
        ),
    )  # fmt: skip


def _time(value: float) -> str:
    if math.isinf(value):
        return _NOT_REACHED
    return number(value, 1)


def _median_table(e: Endpoint) -> TableText:
    rows = tuple(
        (
            g.name,
            str(len(g.curve.durations)),
            str(int(g.curve.events.sum())),
            _time(g.median[0]),
            f"{_time(g.median[1])} to {_time(g.median[2])}",
            _time(g.follow_up),
        )
        for g in e.groups
    )
    headings = (
        "group",
        "n",
        "events",
        f"median [{e.unit}]",
        "95 % interval",
        f"follow-up, median [{e.unit}]",
    )
    test = ""
    if e.test:
        test = f" Log-rank χ² = {number(e.test.statistic, 2)}, {e.test.degrees} d.f., p {_equals(e.test.p)}."
    return TableText(f"Median survival.{test}", headings, rows)


def _rate_table(e: Endpoint) -> TableText:
    rows = tuple(
        (
            g.name,
            *(
                NOT_DEFINED
                if math.isnan(value)
                else f"{number(100 * value, 0)} %"
                + ("" if math.isnan(low) else f" ({number(100 * low, 0)} to {number(100 * high, 0)})")
                for value, low, high in g.rates
            ),
        )
        for g in e.groups
    )
    return TableText(
        "Survival with its 95 % interval.", ("group", *(f"{t:g} {e.unit}" for t in e.times)), rows
    )
