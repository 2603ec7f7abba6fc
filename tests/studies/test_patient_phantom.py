"""The Monte Carlo phantom of a case: media, what lies beyond the image, seeds removed from a post-implant CT."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcsim.hounsfield import DEFAULT_CURVE, media_from_hounsfield
from mcsim.invalid_input import InvalidInput
from validation.case import Case, Image, built_in
from validation.studies.dose_grid import MARGIN, mean_over_cells, scoring_planes
from validation.studies.media_assignment import on_grid
from validation.studies.patient_phantom import AIR_HU, patient_phantom, prepare_image


@pytest.fixture(scope="module")
def neck() -> Case:
    return built_in("neck")


def test_scoring_grid_covers_seeds_and_target_with_a_margin(neck: Case) -> None:
    planes = scoring_planes(neck, 0.1)
    for k, p in enumerate(planes):
        assert np.allclose(np.diff(p), 0.1)
        position = neck.implant.positions[:, k]
        assert p[0] <= max(position.min() - MARGIN, neck.image.lower[k] + 0.1)
        assert p[-1] >= min(position.max() + MARGIN, neck.image.upper[k] - 0.1)


@pytest.mark.parametrize("beyond", ["continue", "water", "vacuum"])
def test_phantom_reaches_as_far_as_asked(neck: Case, beyond: str) -> None:
    phantom, description = patient_phantom(neck, 0.2, beyond=beyond, beyond_distance=12.0)
    low = np.array([p[0] for p in phantom.planes])
    high = np.array([p[-1] for p in phantom.planes])
    reach = min(
        (neck.implant.positions.min(axis=0) - low).min(), (high - neck.implant.positions.max(axis=0)).min()
    )
    if beyond == "vacuum":
        assert np.allclose(low, np.minimum(neck.image.lower, [p[0] for p in phantom.scoring_planes]))
    else:
        assert reach == pytest.approx(12.0)
        assert "12 cm" in str(description["beyond_the_image"])
    corner = phantom.media[phantom.medium[0, 0, 0]]
    assert corner == ("water" if beyond == "water" else "air")


def test_tissue_that_the_image_cuts_goes_on(neck: Case) -> None:
    phantom, _ = patient_phantom(neck, 0.2)
    # Below the neck's lowest slice that slice goes on, column by column.
    lowest = np.repeat(prepare_image(neck).hu[:, :, :1], neck.image.z.size, axis=2)
    medium, density = media_from_hounsfield(on_grid(neck, lowest, phantom.planes)[:, :, 0])
    assert np.array_equal(phantom.medium[:, :, 0], medium)
    assert np.allclose(phantom.density[:, :, 0], density)
    assert (phantom.density[:, :, 0] > 0.9).any()


def test_outside_the_body_is_air(neck: Case) -> None:
    image = prepare_image(neck)
    assert np.all(image.hu[~image.body] == AIR_HU)
    assert 0.2 < image.body.mean() < 0.9


def test_water_body_is_water_inside_cavities_included(neck: Case) -> None:
    phantom, _ = patient_phantom(neck, 0.2, "water_body")
    patient, _ = patient_phantom(neck, 0.2)
    assert set(phantom.media) == {"water", "air"}
    airway = (patient.medium == patient.media.index("air")) & (phantom.medium == 0)
    assert airway.sum() > 50
    assert np.all(phantom.density[phantom.medium == 0] == np.float32(0.998))


def test_water_reaches_15_cm_beyond_every_scored_point(neck: Case) -> None:
    phantom, _ = patient_phantom(neck, 0.2, "water")
    for planes, fine in zip(phantom.planes, phantom.scoring_planes, strict=True):
        assert fine[0] - planes[0] >= 15.0
        assert planes[-1] - fine[-1] >= 15.0
    assert phantom.media == ("water",)


def test_resampling_keeps_the_mean_of_a_linear_image() -> None:
    nodes = np.linspace(0.05, 5.95, 60)
    planes = np.array([0.3, 0.4, 0.7, 1.9, 5.0])
    matrix = mean_over_cells(nodes, planes)
    assert np.allclose(matrix.sum(axis=1), 1.0)
    assert np.allclose(matrix @ (3.0 * nodes - 1.0), 3.0 * 0.5 * (planes[1:] + planes[:-1]) - 1.0)


def test_grid_values_beyond_the_image_are_those_of_its_edge(neck: Case) -> None:
    x = np.array([neck.image.lower[0] - 5.0, neck.image.lower[0] - 1.0])
    values = np.asarray(neck.image.hu, dtype=np.float64)
    y, z = (np.array([c[10] - 0.01, c[10] + 0.01]) for c in (neck.image.y, neck.image.z))
    assert on_grid(neck, values, (x, y, z))[0, 0, 0] == pytest.approx(values[0, 10, 10])


def test_seeds_on_a_post_implant_image_become_tissue(neck: Case) -> None:
    hu = np.asarray(neck.image.hu).copy()
    grid = np.stack(np.meshgrid(neck.image.x, neck.image.y, neck.image.z, indexing="ij"), axis=-1)
    body = np.zeros(hu.shape, dtype=bool)
    for position, axis in zip(neck.implant.positions, neck.implant.axes, strict=True):
        offset = grid - position
        along = np.clip(offset @ axis, -0.225, 0.225)
        body |= np.linalg.norm(offset - along[..., None] * axis, axis=-1) < 0.11
    hu[body] = 2800.0
    post = replace(neck, image=Image(hu=hu, x=neck.image.x, y=neck.image.y, z=neck.image.z))
    prepared = prepare_image(post)
    assert prepared.overridden >= body.sum() > 50
    assert prepared.hu[body].max() < 150.0
    assert prepare_image(neck).overridden == 0
    phantom, description = patient_phantom(post, 0.1)
    assert description["seed_artefact_voxels_overridden"] == prepared.overridden
    bone = DEFAULT_CURVE.media.index("cortical_bone")
    reference, _ = patient_phantom(neck, 0.1)
    assert (phantom.medium == bone).sum() == (reference.medium == bone).sum()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"media": "steel"}, "media is 'steel'"),
        ({"beyond": "glass"}, "beyond is 'glass'"),
        ({"beyond_distance": -1.0}, "-1.0 cm"),
    ],
)
def test_unknown_choices_are_refused(neck: Case, options: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        patient_phantom(neck, 0.2, **options)  # type: ignore[arg-type]


def test_voxel_size_out_of_range_is_refused(neck: Case) -> None:
    with pytest.raises(InvalidInput, match="voxel size is 100 mm"):
        scoring_planes(neck, 10.0)
