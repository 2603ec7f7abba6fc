"""The built-in neck in coarse voxels, by every function of the interface."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import xarray as xr

from validation import Case, characterise, compare, displacement_study, monte_carlo_dose, tg43_dose

VOXEL = 0.4  # cm


@pytest.fixture(scope="session")
def neck() -> Case:
    return Case.read("neck")


@pytest.fixture(scope="session")
def neck_file(neck: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("neck") / "case.h5"
    neck.write(path)
    return path


@pytest.fixture(scope="session")
def monte_carlo(neck: Case) -> xr.Dataset:
    return monte_carlo_dose(neck, voxel=VOXEL, histories=400_000, threads=1)


@pytest.fixture(scope="session")
def tg43(neck: Case) -> xr.Dataset:
    return tg43_dose(neck, voxel=VOXEL)


@pytest.fixture(scope="session")
def comparison(neck: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset) -> xr.Dataset:
    return compare(neck, monte_carlo, tg43, gamma=False)


@pytest.fixture(scope="session")
def study(neck: Case) -> xr.Dataset:
    return displacement_study(
        neck, sigma=0.3, members=16, monte_carlo=2, sobol=0, voxel=VOXEL, histories=2_000,
        tissue_histories=20_000, structures=("PTV",), threads=1,
    )  # fmt: skip


@pytest.fixture(scope="session")
def seed() -> xr.Dataset:
    return characterise("6711", histories=250_000, threads=1)


@pytest.fixture(autouse=True)
def _drawn_nowhere() -> Iterator[None]:
    mpl.use("Agg")
    yield
    plt.close("all")
