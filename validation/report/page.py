"""What all pages share: one template, one style, one way to be written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from mcsim.hdf5_file import created_by
from validation.case.whole_file import whole_file
from validation.report.references import linked

_SECTION = re.compile(r"<section\b([^>]*)>(\s*)<h2\b([^>]*)>(.*?)</h2>", re.DOTALL)
_IDENTIFIER = re.compile(r'\bid="([^"]*)"')
_TAG = re.compile(r"<[^>]*>")


class Entry(NamedTuple):
    """One line of the list of contents."""

    identifier: str
    title: Markup


class Anchored(NamedTuple):
    """A page's sections, each with an identifier, and the list of contents that leads to them."""

    html: Markup
    entries: list[Entry]


def anchored(body: str) -> Anchored:
    """Give every section that begins with a heading an identifier.

    Parameters
    ----------
    body : str
        HTML that a template made; text from files is already escaped in it.

    Returns
    -------
    Anchored
        The HTML and its sections in their order; a section that has an identifier keeps it.

    Examples
    --------
    >>> anchored('<section><h2>The dose</h2>…</section>')
    Anchored(html=Markup('<section id="the-dose"><h2>The dose</h2>…</section>'), entries=[Entry(identifier='the-dose', \
title=Markup('The dose'))])
    """
    entries: list[Entry] = []
    taken = set(_IDENTIFIER.findall(body))

    def named(found: re.Match[str]) -> str:
        attributes, space, of_heading, heading = found.groups()
        title = _TAG.sub("", heading).strip()
        given = _IDENTIFIER.search(attributes)
        identifier = given.group(1) if given else _identifier(title, taken)
        taken.add(identifier)
        entries.append(Entry(identifier, Markup(title)))
        attributes = attributes if given else f'{attributes} id="{identifier}"'
        return f"<section{attributes}>{space}<h2{of_heading}>{heading}</h2>"

    return Anchored(Markup(_SECTION.sub(named, body)), entries)


def _identifier(title: str, taken: set[str]) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", Markup(title).unescape().lower()).strip("-") or "section"
    numbered = (f"{words}-{k}" for k in range(2, len(taken) + 3))
    return words if words not in taken else next(name for name in numbered if name not in taken)


def render_page(template: str, *, plotly: bool = False, **context: Any) -> str:
    """Render a page that extends ``base.html``.

    Parameters
    ----------
    template : str
        Its file in this folder.
    plotly : bool
        The page draws figures: plotly.js goes with it.
    **context
        What the template shows; ``digests``, pairs of a name and a digest, stand in the foot of the page.

    Returns
    -------
    str
        HTML with style sheet, scripts and data inside; all text of the context is escaped.
    """
    environment = Environment(
        loader=PackageLoader("validation.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"anchored": anchored, "linked": linked}
    shared: dict[str, Any] = {
        "created_by": created_by(),
        "digests": [],
        "plotly_js": Markup(get_plotlyjs()) if plotly else None,
    }
    return environment.get_template(template).render({**shared, **context})


def write_text(path: str | Path, text: str) -> Path:
    """Write a page, whole or not at all.

    Parameters
    ----------
    path : path
        HTML file; an existing one is replaced in one step.
    text : str
        The page.

    Returns
    -------
    path
    """
    path = Path(path)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path
