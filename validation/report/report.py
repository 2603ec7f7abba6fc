"""The report of a comparison: one HTML file that opens anywhere, without a network."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from validation.evaluate.conformity import CONFORMITY_INDICES
from validation.evaluate.indices import INDICES
from validation.report import before_after, budget_section, facts, spectra_section, tables, tables_evaluation
from validation.report.figures_dvh import dvh_figure
from validation.report.figures_gamma import RAMP, gamma_figures
from validation.report.figures_slices import ISODOSES, LOWEST_SHOWN, slice_views
from validation.report.glossary import FACTS, Glossary, define
from validation.report.page import render_page, write_text
from validation.report.plotly_figure import embedded
from validation.report.references import References
from validation.report.software import software_facts
from validation.studies.budget_dataset import CaseBudget
from validation.studies.compare import Comparison


def render(comparison: Comparison, budget: CaseBudget | None = None, before: Comparison | None = None) -> str:
    """Render the report.

    Parameters
    ----------
    comparison : Comparison
        From `validation.studies.compare.compare` or a file.
    budget : CaseBudget, optional
        The difference budget that leads from the TG-43 to the Monte Carlo dose of the comparison.
    before : Comparison, optional
        Of the plan, where `comparison` is of the implant: its indices stand beside those of the implant.

    Returns
    -------
    str
        HTML with style sheet, plotly.js and data inside; all text from the case is escaped.

    Raises
    ------
    InvalidInput
        `before` is not of the plan of this implant.
    """
    glossary, references = Glossary(), References()
    changes = before_after.changes_between(before, comparison) if before else {}
    views = slice_views(comparison)
    names = tables.ordered_structures(comparison)
    attributes = comparison.data.attrs
    return render_page(
        "report.html",
        plotly=True,
        attributes=attributes,
        glossary=glossary,
        explain=glossary.explain,
        note=glossary.note,
        references=references,
        cite=references.cite,
        sources={index.name: index.source for index in INDICES}
        | {index.name: index.source for index in CONFORMITY_INDICES},
        doses={comparison.label(engine): _dose_in_words(comparison, engine) for engine in comparison.engines},
        meanings={fact: define(word) for fact, word in FACTS.items()},
        software=software_facts(),
        before_after=before_after.before_after_table(changes),
        before_after_heads=before_after.heads(changes),
        before_name=before.data.attrs["case_name"] if before else "",
        before_digest=str(before.data.attrs["case_digest"]) if before else "",
        labels=[comparison.label(engine) for engine in comparison.engines],
        has_monte_carlo="monte_carlo" in comparison.engines,
        biology=tables_evaluation.biology_table(comparison),
        biology_parameters=tables_evaluation.biology_parameters(comparison),
        budget=tables.budget_table(comparison),
        budget_columns=tables.budget_columns(),
        budget_gain=budget_section.gain_sentence(budget, comparison.target) if budget else "",
        budget_shares=budget_section.share_tables(budget, names) if budget else [],
        budget_share_columns=budget_section.share_columns(),
        waterfall=embedded(budget_section.waterfall(budget, comparison.target), "waterfall")
        if budget
        else "",
        case_facts=facts.case_facts(comparison),
        index_definitions=dict(tables.definitions(comparison)),
        difference_columns=[f"{p:g} %" for p in comparison.data.percentile.values],
        differences=tables.difference_table(comparison),
        digests=[
            (name, str(attributes[key]))
            for name, key in (("Case digest", "case_digest"), ("settings digest", "settings_digest"))
            if key in attributes
        ],
        conformity=tables_evaluation.conformity_table(comparison),
        dvh=embedded(dvh_figure(comparison), "dvh"),
        gamma=tables_evaluation.gamma_table(comparison),
        gamma_columns=tables_evaluation.gamma_columns(comparison),
        gamma_maps=[
            (view, embedded(figure, f"gamma-map-{number}"))
            for number, (view, figure) in enumerate(gamma_figures(comparison), 1)
        ],
        gamma_ramp=RAMP,
        spectra=embedded(spectra_section.spectra_figure(comparison), "spectra"),
        spectrum_rows=spectra_section.spectrum_rows(comparison),
        ratio_sign=Markup("D<sub>m</sub>/D<sub>w</sub>"),
        split=tables_evaluation.split_table(comparison),
        headline=tables.headline(comparison),
        indices=tables.index_table(comparison),
        isodoses=ISODOSES,
        lowest_shown=round(100 * LOWEST_SHOWN),
        run_facts=facts.run_facts(comparison),
        settings_notes=facts.settings_notes(comparison),
        slices=views,
        subtitle=facts.subtitle(comparison),
        structures=facts.structure_table(comparison),
        to_water=tables.water_table(comparison),
    )


def _dose_in_words(comparison: Comparison, engine: str) -> str:
    """What a dose is, in a sentence."""
    if engine == "imported":
        return f"Dose of another program: {comparison.data.attrs['imported_origin']}."
    return define(comparison.label(engine))


def write_report(
    comparison: Comparison,
    path: str | Path,
    budget: CaseBudget | None = None,
    before: Comparison | None = None,
) -> None:
    """Write the report, whole or not at all.

    Parameters
    ----------
    comparison : Comparison
        The comparison.
    path : path
        Name of the HTML file; an existing one is replaced in one step.
    budget : CaseBudget, optional
        See `render`.
    before : Comparison, optional
        See `render`.
    """
    write_text(path, render(comparison, budget, before))
