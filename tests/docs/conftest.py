from __future__ import annotations

import pytest

from tests.docs.stand_ins import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Stand-ins for a reader's files, made once."""
    return World(tmp_path_factory.mktemp("world"))
