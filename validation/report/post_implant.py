"""The page of the post-implant check: one HTML file that opens anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from mcsim.hdf5_file import created_by
from validation.case.whole_file import whole_file
from validation.evaluate.indices import INDICES
from validation.report.number_text import NOT_DEFINED, decimals, measured, number
from validation.report.post_implant_figures import as_image, displacements, projections
from validation.studies.post_implant import PostImplant
from validation.studies.post_implant_indices import IndexChange


@dataclass(frozen=True)
class ChangeRow:
    """One index as printed; every number with its unit."""

    structure: str
    index: str
    definition: str
    before: str
    after: str
    change: str


def change_rows(rows: Sequence[IndexChange]) -> list[ChangeRow]:
    """Indices before and after as text.

    Parameters
    ----------
    rows : sequence of IndexChange
        Of one engine.

    Returns
    -------
    list of ChangeRow
    """
    told = {index.name: index.definition for index in INDICES}
    texts = []
    for row in rows:
        u = float(np.hypot(row.before_std_dev, row.after_std_dev))
        unit = "" if row.unit == "1" else f"\u00a0{row.unit}"
        change_unit = "\u00a0pp" if row.unit == "%" else unit
        change = measured(row.change, u, row.unit, sign=True)
        if change != NOT_DEFINED:
            change += change_unit
        if row.unit == "Gy" and row.before > 0 and np.isfinite(row.change):
            change += f" ({number(100 * row.change / row.before, 1, sign=True)}\u00a0%)"
        before, after = (
            _with(measured(v, s, row.unit) if s > 0 else number(v, decimals(s, row.unit)), unit)
            for v, s in ((row.before, row.before_std_dev), (row.after, row.after_std_dev))
        )
        texts.append(ChangeRow(row.structure, row.index, told.get(row.index, ""), before, after, change))
    return texts


def _with(text: str, unit: str) -> str:
    return text if text == NOT_DEFINED else text + unit


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
        return _with(number(10 * value, 1, sign=sign), "\u00a0mm")

    def percent(value: float) -> str:
        return f"{number(100 * value, 1)}\u00a0%"

    def degrees(value: float) -> str:
        return _with(number(np.degrees(value), 0), "°")

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
        cells += [(r.structure, r.index, r.before, r.after, r.change) for r in change_rows(rows)]
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
    environment = Environment(
        loader=PackageLoader("validation.report", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    found = check.found
    return environment.get_template("post_implant.html").render(
        check=check,
        created_by=created_by(),
        displacement=displacement_rows(check),
        engines={engine: change_rows(rows) for engine, rows in check.changes.items()},
        found=len(found),
        merged=int(sum(np.count_nonzero(found.cluster == c) > 1 for c in found.cluster)),
        resolved=int(found.resolved.sum()),
        look=f"{found.image.excess:.0f} HU of solid seed, blur {10 * found.image.sigma_in_plane:.2f} mm in plane",
        uncertainty=number(10 * float(np.median(found.position_std_dev)), 2),
        projections=as_image(projections(check)),
        displacements=as_image(displacements(check)),
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
    text = render(check)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path
