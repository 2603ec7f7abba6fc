"""The record as a page of Markdown with figures; every number in it is one of the record."""

from __future__ import annotations

from pathlib import Path

from validation.record.check import (
    COVERAGE_OF_A_PUBLICATION,
    COVERAGE_OF_AN_ORACLE,
    SMALL_NOISE,
    Check,
    Citation,
)
from validation.record.figures import draw, draw_overview
from validation.record.number_text import difference_text, reference_text, size_text, with_uncertainty
from validation.record.record import Record, write_record

PAGE, RECORD, IMAGES = "validation.md", "validation_record.json", "images"


def write_page(record: Record, folder: Path) -> Path:
    """Write the record, its figures and its page.

    Parameters
    ----------
    record : Record
        Results.
    folder : path
        Gets ``validation.md``, ``validation_record.json`` and ``images/validation_*.svg``; earlier ones are replaced.

    Returns
    -------
    path
        The page.
    """
    images = folder / IMAGES
    images.mkdir(parents=True, exist_ok=True)
    for earlier in images.glob("validation_*.svg"):
        earlier.unlink()
    draw_overview(record.checks, images / "validation_overview.svg")
    for figure in record.figures:
        draw(figure, images / f"validation_{figure.name}.svg")
    write_record(folder / RECORD, record)
    page = folder / PAGE
    page.write_text(page_text(record), encoding="utf-8")
    return page


def page_text(record: Record) -> str:
    """The page of a record.

    Parameters
    ----------
    record : Record
        Results.

    Returns
    -------
    str
        Markdown.
    """
    sources = _numbered_sources(record.checks)
    parts = [
        "# Validation record",
        "Made by `seedmc validate`, not by hand: to change this page, run the command again. The same numbers for "
        f"programs: [`{RECORD}`]({RECORD}).",
        _summary(record),
        _how_judged(record),
        _shortfalls(record),
        _left_out(record),
        *(_group(record, group, sources) for group in record.groups),
        _source_list(sources),
        _made_with(record),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(record: Record) -> str:
    rows = ["| part | checks | agree | miss, explained | miss |", "|---|---|---|---|---|"]
    for group in (*record.groups, ""):
        checks = [check for check in record.checks if group in ("", check.group)]
        counts = [
            sum(check.verdict == v for check in checks) for v in ("agrees", "misses, explained", "misses")
        ]
        title = f"[{group}](#{_anchor(group)})" if group else "**all**"
        rows.append(f"| {title} | {len(checks)} | {' | '.join(map(str, counts))} |")
    minutes = sum(record.run_time_s.values()) / 60.0
    run = f"{record.mode.capitalize()} mode, {record.date}, {minutes:.1f} min on {record.made_with['processor']}."
    return "\n".join(
        [
            run,
            "",
            *rows,
            "",
            "![Every check: difference over the largest that agrees](images/validation_overview.svg)",
        ]
    )


def _how_judged(record: Record) -> str:
    text = f"""## How a verdict is reached

A value *agrees* with its reference when |value − reference| ≤ tolerance + k·u.

* u is the type A standard uncertainty of the value, and of a reference that is itself simulated.
* The tolerance is what is accepted besides noise; its reason stands under each table.
* Against an exact result k = {COVERAGE_OF_AN_ORACLE:g}: noise alone makes one of 100 such checks miss once in a million
  records. Against a publication k = {COVERAGE_OF_A_PUBLICATION:g}.
* A publication's own uncertainty enters the combined uncertainty shown. It widens nothing.
* Seeds: with u of at most {100.0 * SMALL_NOISE:g} % of the published reference k = 0, so that the value itself has to
  lie within the tolerance.
* A miss that is understood is still shown as a miss, with its explanation, an expected difference and a band. Beyond
  the band (and noise) it is a miss like any other, and the command fails.

All uncertainties are standard uncertainties. Random numbers are fixed: on one processor type the same version gives the
same record. Quick mode runs the same checks with fewer histories and two seeds only, so it finds only larger
departures: see the column *allowed*."""
    if record.mode == "quick":
        text += "\n\n**This is a quick record.** `seedmc validate --mode full` makes the full one."
    return text


def _shortfalls(record: Record) -> str:
    found = [check for check in record.checks if check.verdict != "agrees"]
    if not found:
        return "## What misses\n\nNothing."
    rows = [
        "## What misses",
        "",
        "| check | difference | allowed | expected | explanation |",
        "|---|---|---|---|---|",
    ]
    for check in found:
        rows.append(
            f"| {check.name} | {_difference(check)} | {_allowed(check)} | {_expected(check)} | {_explanation(check)} |"
        )
    return "\n".join(rows)


def _expected(check: Check) -> str:
    if check.shortfall is None:
        return "none"
    departure, band = check.known_departure
    bounds = size_text(band, check.reference, check.relative)
    return (
        f"{difference_text(departure, check.reference, check.relative)} ± {bounds} ({check.shortfall.reason})"
    )


def _explanation(check: Check) -> str:
    if check.shortfall is None:
        return "**None yet: this is a finding.**"
    if check.verdict == "misses":
        return f"**Beyond the band of the known shortfall: this is a finding.** {check.shortfall.explanation}"
    return check.shortfall.explanation


def _left_out(record: Record) -> str:
    if not record.left_out:
        return ""
    return "\n".join(["## What was left out", "", *(f"* {sentence}" for sentence in record.left_out)])


def _group(record: Record, group: str, sources: dict[Citation, int]) -> str:
    checks = [check for check in record.checks if check.group == group]
    rows = [
        f"## {group}",
        "",
        "| quantity | unit | value | reference | source | difference | combined u | allowed | verdict |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for check in checks:
        rows.append(
            f"| {_cell(check.quantity)} | {check.unit} | "
            f"{with_uncertainty(check.value, check.std_dev, check.tolerance)} | "
            f"{_reference(check)} | [{sources[check.citation]}] | {_difference(check)} | "
            f"{size_text(check.combined_std_dev, check.reference, check.relative)} | {_allowed(check)} | "
            f"{_verdict(check)} |"
        )
    reasons: dict[str, list[Check]] = {}
    for check in checks:
        if check.reason:
            reasons.setdefault(check.reason, []).append(check)
    if reasons:
        rows += ["", "Accepted besides noise:", ""]
        rows += [f"* {_tolerances(members)}: {reason}." for reason, members in reasons.items()]
    for figure in record.figures:
        if figure.group == group:
            rows += [
                "",
                f"![{figure.caption}](images/validation_{figure.name}.svg)",
                "",
                f"*{figure.caption}*",
            ]
    return "\n".join(rows)


def _reference(check: Check) -> str:
    if check.reference_type_a or check.reference_std_dev:
        own = (check.reference_type_a**2 + check.reference_std_dev**2) ** 0.5
        return with_uncertainty(check.reference, own, check.tolerance)
    return reference_text(check.reference, check.std_dev, check.tolerance)


def _difference(check: Check) -> str:
    return difference_text(check.difference, check.reference, check.relative)


def _allowed(check: Check) -> str:
    return f"± {size_text(check.allowed, check.reference, check.relative)}"


def _verdict(check: Check) -> str:
    return check.verdict if check.verdict == "agrees" else f"**{check.verdict}**"


def _tolerances(checks: list[Check]) -> str:
    texts = dict.fromkeys(size_text(check.tolerance, check.reference, check.relative) for check in checks)
    names = list(texts)
    words = (
        names[0]
        if len(names) == 1
        else f"{len(names)} bounds, see *allowed*"
        if len(names) > 3
        else ", ".join(names)
    )
    return f"{words} ({len(checks)} check{'s' if len(checks) > 1 else ''})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _anchor(title: str) -> str:
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c == "-")


def _numbered_sources(checks: tuple[Check, ...]) -> dict[Citation, int]:
    return {source: k for k, source in enumerate(dict.fromkeys(check.citation for check in checks), start=1)}


def _source_list(sources: dict[Citation, int]) -> str:
    rows = ["## Sources", ""]
    for source, k in sources.items():
        rows.append(f"{k}. {_cell(source.text)}" + (f", doi:{source.doi}" if source.doi else ""))
    return "\n".join(rows)


def _made_with(record: Record) -> str:
    rows = [
        "## Made with",
        "",
        "| | |",
        "|---|---|",
        f"| mode | {record.mode} |",
        f"| date | {record.date} |",
    ]
    rows += [f"| {name} | {value} |" for name, value in record.made_with.items()]
    rows += [f"| time for {name} | {seconds:g} s |" for name, seconds in record.run_time_s.items()]
    return "\n".join(rows)
