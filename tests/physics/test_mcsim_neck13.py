"""Dose per history around 13 seeds in water, and with bone and air, against an independent Monte Carlo code."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mcsim.materials import material
from mcsim.phantom import Phantom, surrounded
from mcsim.result import Result
from mcsim.simulation import Simulation
from mcsim.simulation_settings import Settings, StoppingRule

MEDIA = ("water", "cortical_bone", "air")
GRID = 60
# The source model itself departs from the reference's by this much (docs/adr/0003); everything else has to agree.
SOURCE_DIFFERENCE = 0.013


@dataclass
class Neck13:
    reference: np.ndarray  # Gy per history and seed
    reference_std_dev: np.ndarray
    medium: np.ndarray
    result: Result

    def ratio_of_sums(self, chosen: np.ndarray) -> tuple[float, float]:
        """Ratio of summed doses and its standard uncertainty."""
        dose, std_dev = self.result.dose_per_history(), self.result.dose_per_history_std_dev()
        total, reference = dose[chosen].sum(), self.reference[chosen].sum()
        # Neighbouring voxels share histories: adding their standard deviations linearly over blocks would be exact only
        # for full correlation. Tracks of some 5 voxels give at most a factor sqrt(5) over the independent sum.
        own = np.sqrt(5.0 * (std_dev[chosen] ** 2).sum()) / total
        other = np.sqrt(5.0 * (self.reference_std_dev[chosen] ** 2).sum()) / reference
        return float(total / reference), float(np.hypot(own, other))

    def z_scores(self, chosen: np.ndarray, scale: float) -> np.ndarray:
        """Difference over combined standard uncertainty, our dose times `scale`."""
        std_dev = np.hypot(self.result.dose_per_history_std_dev() * scale, self.reference_std_dev)
        return ((self.result.dose_per_history() * scale - self.reference) / std_dev)[chosen]

    def compared(self, medium: int) -> np.ndarray:
        """Voxels of a medium within 2.5 cm of the centre that no seed touches."""
        centres = (np.arange(GRID) + 0.5) * 0.1 - 3.0
        x, y, z = np.meshgrid(centres, centres, centres, indexing="ij")
        near = x**2 + y**2 + z**2 < 2.5**2
        return near & (self.medium == medium) & (self.result.tissue_fraction == 1.0)


def read_3ddose(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Dose and its standard uncertainty, [ix, iy, iz]."""
    lines = gzip.decompress(path.read_bytes()).decode().split("\n")
    dose, relative = (
        np.array(lines[k].split(), dtype=float).reshape(GRID, GRID, GRID).transpose(2, 1, 0) for k in (4, 5)
    )
    return dose, dose * relative


def simulate(folder: Path, name: str, heterogeneous: bool, batches: int) -> Neck13:
    fine = [np.round(np.linspace(-3.0, 3.0, GRID + 1), 10)] * 3
    planes, scoring = surrounded(fine, [np.array([-15.0, 15.0])] * 3)
    centres = [0.5 * (p[1:] + p[:-1]) for p in planes]
    x, y, z = np.meshgrid(*centres, indexing="ij")
    inside = (np.abs(x) < 3.0) & (np.abs(y) < 3.0) & (np.abs(z) < 3.0)
    medium = np.zeros(x.shape, dtype=np.uint8)
    if heterogeneous:
        medium[inside & (x > 1.0) & (x < 2.0)] = 1
        medium[inside & (x**2 + (y + 1.8) ** 2 < 0.64)] = 2
    density = np.array([material(m).density for m in MEDIA], dtype=np.float32)[medium]
    positions = np.array(json.loads((folder / "seeds.json").read_text())["seeds"])
    simulation = Simulation(
        Phantom(planes, medium, density, MEDIA, scoring),
        "6711",
        positions,
        np.tile([0.0, 0.0, 1.0], (len(positions), 1)),
        np.ones(len(positions)),
        59.4,
        Settings(
            seeds="interseed" if heterogeneous else "superposition", productive_histories_per_batch=200_000
        ),
        threads=2,
    )
    result = simulation.run(StoppingRule(batches=(0, batches)))
    reference, std_dev = read_3ddose(folder / name)
    return Neck13(reference, std_dev, medium[scoring], result)


@pytest.fixture(scope="module")
def folder(shared_dir: Path) -> Path:
    return shared_dir / "reference" / "neck13"


@pytest.fixture(scope="module")
def water(folder: Path) -> Neck13:
    return simulate(folder, "neck13_water_tg43.3ddose.gz", heterogeneous=False, batches=20)


@pytest.fixture(scope="module")
def heterogeneous(folder: Path) -> Neck13:
    return simulate(folder, "neck13_het_isa.3ddose.gz", heterogeneous=True, batches=20)


def check(case: Neck13, medium: int, scale: float) -> None:
    chosen = case.compared(medium)
    ratio, _ = case.ratio_of_sums(chosen)
    assert abs(ratio * scale - 1.0) < 0.01
    z = case.z_scores(chosen, scale)
    assert abs(z.mean()) < 0.5
    # A width above 1 is voxels that disagree beyond noise; below 1.3 systematic terms are smaller than the noise.
    assert z.std() < 1.3


def test_superposition_in_water_agrees_up_to_the_source(water: Neck13) -> None:
    check(water, 0, 1.0 + SOURCE_DIFFERENCE)


@pytest.mark.parametrize("medium", range(3), ids=MEDIA)
def test_interseed_with_bone_and_air_agrees_up_to_the_source(heterogeneous: Neck13, medium: int) -> None:
    check(heterogeneous, medium, 1.0 + SOURCE_DIFFERENCE)


def test_the_source_difference_is_what_is_stated(water: Neck13) -> None:
    ratio, uncertainty = water.ratio_of_sums(water.compared(0))
    # 6 standard uncertainties: false alarm below 1e-6 together with the other checks here
    assert abs(ratio * (1.0 + SOURCE_DIFFERENCE) - 1.0) < 0.003 + 6.0 * uncertainty


def test_full_over_water_ratio_does_not_depend_on_the_source(water: Neck13, heterogeneous: Neck13) -> None:
    for medium in range(3):
        chosen = heterogeneous.compared(medium)
        ours = (
            heterogeneous.result.dose_per_history()[chosen].sum()
            / water.result.dose_per_history()[chosen].sum()
        )
        theirs = heterogeneous.reference[chosen].sum() / water.reference[chosen].sum()
        # 0.5 %: the summed noise is below 0.3 % in each medium, cross-section libraries differ by about as much
        assert ours / theirs == pytest.approx(1.0, abs=0.005 if medium == 0 else 0.01)
