"""Text from outside made harmless for file names, HTML pages and terminals."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 64  # DICOM LO is at most 64 characters; longer text is not a name


def plain_text(text: object, otherwise: str) -> str:
    """Text with only letters, digits, spaces and ``_ - + .``, at most 64 characters.

    Everything else becomes ``_``; leading dots, spaces and underscores go, so that neither a path, nor
    markup, nor a terminal control sequence survives.

    Parameters
    ----------
    text : object
        Whatever the file holds.
    otherwise : str
        Returned if nothing is left.

    Returns
    -------
    str
        Harmless text.

    Examples
    --------
    >>> plain_text("../../etc/passwd", "ROI 1")
    'etc_passwd'
    >>> plain_text("<b>GTV</b>", "ROI 1")
    'b_GTV_b'
    >>> plain_text(None, "ROI 1")
    'ROI 1'
    """
    if text is None:
        return otherwise
    known = unicodedata.normalize("NFKC", str(text))
    harmless = re.sub(r"[^\w +.\-]+", "_", known)
    harmless = re.sub(r"\.{2,}", "_", harmless)
    harmless = re.sub(r"[_\s]*_[_\s]*", "_", re.sub(r"\s+", " ", harmless))
    return harmless[:_LONGEST].strip(" _.") or otherwise


def is_plain(text: str) -> bool:
    """Whether `text` would pass `plain_text` unchanged.

    Examples
    --------
    >>> is_plain("GTV node II"), is_plain("a/b")
    (True, False)
    """
    return bool(text) and plain_text(text, "") == text
