from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder with the clinical cases and reference doses that are not part of the repository."""
    folder = Path(os.environ.get("SEEDMC_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "cases").is_dir():
        pytest.skip(f"the shared case folder is not at {folder} (set SEEDMC_SHARED)")
    return folder
