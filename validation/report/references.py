"""Numbered references of a page, in the order in which it cites them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from markupsafe import Markup

#: Works that pages cite by a short name. Each was looked up by its DOI.
WORKS = {
    "tg43u1": "Rivard et al. (AAPM TG-43U1), Med. Phys. 31, 633 (2004), doi:10.1118/1.1646040",
    "tg43u1s2": "Rivard et al. (AAPM TG-43U1S2), Med. Phys. 44, e297 (2017), doi:10.1002/mp.12430",
    "tg137": "Nath et al. (AAPM TG-137), Med. Phys. 36, 5310 (2009), doi:10.1118/1.3246613",
    "tg186": "Beaulieu et al. (TG-186), Med. Phys. 39, 6208 (2012), doi:10.1118/1.4747264",
    "gamma": "Low et al., Med. Phys. 25, 656 (1998), doi:10.1118/1.598248",
    "gamma_noise": "Low and Dempsey, Med. Phys. 30, 2455 (2003), doi:10.1118/1.1598711",
    "eubed": "Niemierko, Med. Phys. 24, 103 (1997), doi:10.1118/1.598063",
    "xraylib": "Schoonjans et al. (xraylib), Spectrochim. Acta B 66, 776 (2011), doi:10.1016/j.sab.2011.09.011",
    "mu_en": "Hubbell and Seltzer, NISTIR 5632, doi:10.18434/T4D01F",
    "clrp": "Safigholi et al. (CLRP TG-43 database), Med. Phys. 47, 6430 (2020), doi:10.1002/mp.14249",
}  # fmt: skip
# A closing bracket ends a DOI, but for one that it opened itself, as in 10.1016/S0360-3016(96)00601-3.
_DOI = re.compile(r"\bdoi:(10\.\d{4,9}/(?:\([^\s()]*\)|[^\s();,])*(?:\([^\s()]*\)|[^\s();,.]))")


@dataclass(frozen=True)
class Reference:
    """One work: the citation without its DOI, and the DOI, or nothing where it has none."""

    text: str
    doi: str


class References:
    """Works that a page cites; each gets the next number when it is cited first.

    Examples
    --------
    >>> references = References()
    >>> references.cite("gamma"), references.cite("tg43u1", "gamma").count("<a")
    (Markup('<sup class="cite"><a href="#ref-1">[1]</a></sup>'), 2)
    >>> [reference.doi for reference in references.listed()]
    ['10.1118/1.598248', '10.1118/1.1646040']
    """

    def __init__(self) -> None:
        self._listed: list[Reference] = []

    def cite(self, *works: str) -> Markup:
        """Links to the entries of some works in the list.

        Parameters
        ----------
        *works : str
            Short names from `WORKS`, or citations; what stands before ``, doi:`` is the text.

        Returns
        -------
        markupsafe.Markup
        """
        links = Markup("").join(
            Markup('<a href="#ref-{number}">[{number}]</a>').format(number=self._number(work))
            for work in works
        )
        return Markup('<sup class="cite">{}</sup>').format(links)

    def listed(self) -> list[Reference]:
        """Works cited so far, by their numbers."""
        return list(self._listed)

    def _number(self, work: str) -> int:
        reference = parsed(WORKS.get(work, work))
        for number, known in enumerate(self._listed, 1):
            if known == reference or (reference.doi and known.doi == reference.doi):
                return number
        self._listed.append(reference)
        return len(self._listed)


def linked(text: str) -> Markup:
    """Text in which a DOI leads to its work.

    Parameters
    ----------
    text : str
        Plain text, perhaps from a file: it is escaped.

    Returns
    -------
    markupsafe.Markup

    Examples
    --------
    >>> linked("see <b> (doi:10.1118/1.598248)")
    Markup('see &lt;b&gt; (<a href="https://doi.org/10.1118/1.598248" rel="noreferrer">doi:10.1118/1.598248</a>)')
    """
    parts = _DOI.split(str(text))
    link = Markup('<a href="https://doi.org/{doi}" rel="noreferrer">doi:{doi}</a>')
    return Markup("").join(
        link.format(doi=part) if k % 2 else Markup("{}").format(part) for k, part in enumerate(parts)
    )


def parsed(citation: str) -> Reference:
    """Text and DOI of a citation.

    Examples
    --------
    >>> parsed("Low et al., Med. Phys. 25, 656 (1998), doi:10.1118/1.598248")
    Reference(text='Low et al., Med. Phys. 25, 656 (1998)', doi='10.1118/1.598248')
    """
    found = _DOI.search(citation)
    if not found:
        return Reference(citation.strip(), "")
    return Reference(citation.replace(found.group(), "").strip(" ,;."), found.group(1))
