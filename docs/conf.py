"""How the documentation is built: `make docs`, from the pages beside this file and the docstrings."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "seedmc"
author = "The seedmc developers"
copyright = author
version = release = installed_version("seedmc")
language = "en"

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "equations",
    "repository_links",
]
exclude_patterns = ["_build", "**/.ipynb_checkpoints", "jupyter_execute"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}

# Pages are read on the forge as well: plain links between files, headings as their targets, dollars around equations.
myst_enable_extensions = ["dollarmath", "colon_fence", "html_image"]
myst_heading_anchors = 4
myst_dmath_double_inline = True
suppress_warnings = [
    "myst.header",  # the validation record's parts begin below the page's level where one part is written alone
    "mystnb.unknown_mime_type",  # plotly's own; its HTML stands beside it
]

# A wrong link ends the build. What cannot be a link here: names of other projects, whose inventories would have to be
# fetched from the network, and the free words of numpydoc's types ("array of shape (n, 3)").
nitpicky = True
nitpick_ignore_regex = [
    (
        r"py:.*",
        r"(numpy|np|xarray|h5py|pydicom|pandas|plotly|scipy|SimpleITK|matplotlib|typer|rich|lifelines)\..*",
    ),
    (r"py:.*", r"(collections|pathlib|typing|os|datetime|concurrent|contextlib|enum|fractions|random)\..*"),
    (
        r"py:.*",
        r"(Path|Iterator|Iterable|Callable|Sequence|Mapping|Any|ValueError|KeyError|OSError|str|int|float|bool)",
    ),
]

# Notebooks are run when their code has changed; a cell that fails ends the build.
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / ".jupyter_cache")
nb_execution_timeout = 600  # seconds for a cell; the first compiles the transport
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_execution_excludepatterns = ["*.md"]

autosummary_generate = False  # the pages in reference/ name what is public
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"  # the docstrings tell types with shapes and units
numpydoc_show_class_members = False
numpydoc_validation_checks = {"GL03", "GL05", "GL06", "GL07", "GL08", "GL10", "PR02", "PR10", "SS01"}
numpydoc_validation_exclude = {r"\._", r"^mcsim\.kernels"}

html_theme = "furo"
html_title = f"seedmc {release}"
html_math_renderer = "drawn"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}

copybutton_exclude = ".linenos, .gp, .go"


def _without_default_values(
    app: object, what: str, name: str, obj: object, options: object, signature: str, returns: str
) -> tuple[str, str] | None:
    """Classes without a signature: a docstring lists the fields, and a default may be a whole table of media."""
    return ("", "") if what == "class" else None


def setup(app: Sphinx) -> None:
    """Connect what is set up here."""
    app.connect("autodoc-process-signature", _without_default_values, priority=100)
