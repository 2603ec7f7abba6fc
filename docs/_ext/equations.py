"""Equations as drawings inside the page: the same in every browser, without a script, a font or the network."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import ziamath
from docutils import nodes
from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

ziamath.config.svg2 = False  # glyphs as paths: shared symbols of several equations would have one name
# Pixels; furo's text is 16. Letters of STIX Two Math are smaller than those of a text font of the same size.
_TEXT_SIZE, _BLOCK_SIZE = 17.0, 18.5
_TALLEST = 140.0  # px


def _svg(tex: str, size: float, *, inline: bool) -> tuple[str, float, float]:
    """Drawing, its height, and how far it reaches below the line of text."""
    drawn = ziamath.Latex(tex, size=size, color="currentColor", inline=inline).svg()
    found = re.search(r'viewBox="([^"]+)"', drawn)
    assert found is not None
    _, top, _, height = (float(v) for v in found.group(1).split())
    return drawn, height, top + height


def _drawn(node: nodes.math | nodes.math_block, size: float, *, inline: bool) -> str:
    tex = node.astext().strip()
    drawn, height, below = _svg(tex, size, inline=inline)
    if height > _TALLEST:  # ziamath 0.13: brackets around a sum inside a fraction run away; plain ones do not
        drawn, height, below = _svg(re.sub(r"\\(left|right)(?=[()\[\]|])", "", tex), size, inline=inline)
    if height > _TALLEST:
        logger.warning("equation is drawn %.0f px tall", height, location=node)
    head = f'<svg role="img" aria-label="{html.escape(tex)}" style="vertical-align: {-below:.1f}px"'
    return drawn.replace("<svg", head, 1)


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(f'<span class="equation">{_drawn(node, _TEXT_SIZE, inline=True)}</span>')
    raise nodes.SkipNode


def _block(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="equation">{_drawn(node, _BLOCK_SIZE, inline=False)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the renderer ``drawn`` to ``html_math_renderer``."""
    app.add_html_math_renderer("drawn", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
