"""Links of the pages to folders, and to files of the repository that are no pages.

On the forge `[workflow](../workflow)` opens the folder. The site holds no folders: a folder with an index page is
linked to that, another stands as its path. A link to a file outside `docs/` is a download, which MyST does by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from docutils.transforms import Transform
from sphinx import addnodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class FolderLinks(Transform):
    """Resolve links to folders before MyST misses a page of that name."""

    default_priority = 5

    def apply(self) -> None:
        """Change the references of one page."""
        page = Path(self.document["source"])
        site = self.document.settings.env.srcdir.resolve()
        for reference in list(self.document.findall(addnodes.pending_xref)):
            target = str(reference.get("reftarget", ""))
            if reference.get("refdomain") not in {"doc", None} or "://" in target or target.startswith("#"):
                continue
            folder = page.parent / target.partition("#")[0]
            if not folder.is_dir():
                continue
            if (folder / "index.md").is_file():
                page_of_folder = f"/{(folder / 'index').resolve().relative_to(site)}"
                reference.replace_self(
                    addnodes.pending_xref(
                        "",
                        *reference.children,
                        refdomain="std",
                        reftype="doc",
                        reftarget=page_of_folder,
                        refexplicit=True,
                        refwarn=True,
                        refdoc=reference.get("refdoc"),
                    )
                )
            else:
                reference.replace_self(nodes.literal("", reference.astext().rstrip("/") + "/"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_transform(FolderLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
