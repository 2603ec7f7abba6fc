"""Equations as MathML, which browsers draw by themselves: no script, no font, no network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

# What latex2mathml leaves as it stands when it does not know a command or an environment.
_LEFT_OVER = re.compile(r"<m[io]>\s*(&|\\[A-Za-z]+|&#x0005C;[A-Za-z]*)\s*</m[io]>")


def _mathml(node: nodes.math | nodes.math_block, display: str) -> str:
    written = convert(node.astext().strip(), display=display)
    left_over = _LEFT_OVER.search(written)
    if left_over:
        logger.warning("equation holds %s, which MathML is not made of", left_over.group(1), location=node)
    return written


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(f'<span class="math">{_mathml(node, "inline")}</span>')
    raise nodes.SkipNode


def _block(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="math">{_mathml(node, "block")}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the renderer ``mathml`` to ``html_math_renderer``."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
