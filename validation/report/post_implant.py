"""The page of the post-implant check: one HTML file that opens anywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from validation.report.before_after import before_after_table, heads
from validation.report.before_after import cells as cells_of
from validation.report.glossary import Glossary, define
from validation.report.number_text import NOT_DEFINED, number
from validation.report.page import render_page, write_text
from validation.report.post_implant_figures import as_image, displacements, projections
from validation.report.references import References
from validation.report.software import software_facts
from validation.report.tables import with_unit
from validation.studies.post_implant import PostImplant


def displacement_rows(check: PostImplant) -> list[tuple[str, str]]:
    """Displacement statistics as text, in mm and degrees.

    Parameters
    ----------
    check : PostImplant
        The check.

    Returns
    -------
    list of (str, str)
        What and how much.
    """
    s = check.statistics

    def mm(value: float, sign: bool = False) -> str:
        return with_unit(number(10 * value, 1, sign=sign), "mm")

    def percent(value: float) -> str:
        return f"{number(100 * value, 1)}\u00a0%"

    def degrees(value: float) -> str:
        text = number(np.degrees(value), 0)
        return text if text == NOT_DEFINED else f"{text}°"

    axes = ("x (to left)", "y (to back)", "z (to head)")
    rows = [
        (
            "seeds planned / matched / lost / without plan",
            f"{s.seeds + s.lost} / {s.seeds} / {s.lost} / {s.extra}",
        ),
        ("lost", f"{percent(s.loss_probability)} (95 %: {percent(s.loss_low)} to {percent(s.loss_high)})"),
        ("displacement: mean, median", f"{mm(s.length_mean)}, {mm(s.length_median)}"),
        ("90th percentile, largest", f"{mm(s.length_p90)}, {mm(s.length_max)}"),
        ("farther than 5 mm", f"{number(100 * s.far_fraction, 0)}\u00a0%"),
    ]
    for axis, m, u, d in zip(axes, s.mean, s.mean_std_dev, s.std_dev, strict=True):
        rows.append(
            (f"{axis}: systematic ± its uncertainty; random (1 sd)", f"{mm(m, True)} ± {mm(u)}; {mm(d)}")
        )
    rows += [
        ("along the needle: mean; sd", f"{mm(s.along_mean, True)}; {mm(s.along_std_dev)}"),
        ("across it: root mean square, each direction", mm(s.across_rms)),
        (
            "shared by a needle: along, across (1 sd)",
            f"{mm(s.needle_along_std_dev)}, {mm(s.needle_across_std_dev)}",
        ),
        (
            "of a seed by itself: along, across (1 sd)",
            f"{mm(s.seed_along_std_dev)}, {mm(s.seed_across_std_dev)}",
        ),
        (
            f"turned (mean, 90th percentile; {s.rotations} directions told)",
            f"{degrees(s.rotation_mean)}, {degrees(s.rotation_p90)}",
        ),
    ]
    if s.registration_angle or s.registration_shift:
        rows.append(("registered by seeds, turned by", f"{number(np.degrees(s.registration_angle), 2)}°"))
    return rows


def table_text(check: PostImplant) -> str:
    """Indices before and after as lines of text."""
    lines = []
    for engine, rows in check.changes.items():
        cells = [("", "", "planned", "implanted", "change")]
        cells += [(r.structure, r.index, *cells_of(r)) for r in rows]
        widths = [max(len(c[k]) for c in cells) for k in range(5)]
        lines.append(f"{engine}, prescription {check.plan.prescription.dose_gy:g} Gy")
        for c in cells:
            left = "  ".join(c[k].ljust(widths[k]) for k in (0, 1))
            lines.append(f"  {left}  " + "  ".join(c[k].rjust(widths[k]) for k in (2, 3, 4)))
    return "\n".join(lines).replace("\u00a0", " ")


def render(check: PostImplant) -> str:
    """Render the page.

    Parameters
    ----------
    check : PostImplant
        The check.

    Returns
    -------
    str
        HTML with style sheet and figures inside; all text from files is escaped.
    """
    found = check.found
    glossary, references = Glossary(), References()
    return render_page(
        "post_implant.html",
        check=check,
        cite=references.cite,
        references=references,
        glossary=glossary,
        note=glossary.note,
        explain=glossary.explain,
        displacement=displacement_rows(check),
        doses={engine: define(engine) for engine in check.changes},
        heads=heads(check.changes),
        tables=before_after_table(check.changes),
        found=len(found),
        merged=int(sum(np.count_nonzero(found.cluster == c) > 1 for c in found.cluster)),
        resolved=int(found.resolved.sum()),
        look=f"{found.image.excess:.0f} HU of solid seed, blur {10 * found.image.sigma_in_plane:.2f} mm in plane",
        uncertainty=number(10 * float(np.median(found.position_std_dev)), 2),
        projections=as_image(projections(check)),
        displacements=as_image(displacements(check)),
        software=software_facts(),
        digests=[("Plan digest", check.plan.digest()), ("implant digest", check.post.digest())],
    )


def write_page(check: PostImplant, path: Path) -> Path:
    """Write the page, whole or not at all.

    Parameters
    ----------
    check : PostImplant
        The check.
    path : path
        HTML file; an existing one is replaced in one step.

    Returns
    -------
    path
    """
    return write_text(path, render(check))
