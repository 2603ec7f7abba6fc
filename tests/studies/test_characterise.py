"""From cells to points, TG-43 quantities and their uncertainties, and the table that tg43 reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mcsim.invalid_input import InvalidInput
from mcsim.seed_model import load_seed_model
from tg43 import dose_rate, geometry_function, load_source, read_source
from tg43.invalid_input import InvalidInput as InvalidTg43Input
from validation.studies.characterise import characterise
from validation.studies.characterise_consensus import beside_consensus
from validation.studies.characterise_dataset import read_characterisation, write_characterisation
from validation.studies.characterise_lines import line_origins
from validation.studies.characterise_points import (
    ALONG,
    AWAY,
    POLAR_BINS,
    RADII,
    THETA,
    bin_weights,
    cell_factors,
    characterisation_cells,
    polar_angles,
)
from validation.studies.characterise_quantities import dosimetric_quantities, jackknife
from validation.studies.characterise_table import tg43_document, write_tg43_table

LENGTH = 0.3
STRENGTH = np.array([2.0, 4.0])


def line_source_dose(fine: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Mean of G_L in every cell by midpoints, weighted with the volume: another quadrature than the study's."""
    cells = characterisation_cells()
    share = (np.arange(fine) + 0.5) / fine
    edges = np.linspace(0.0, np.pi, POLAR_BINS + 1)
    theta = edges[:-1, None, None] + (edges[1] - edges[0]) * share
    shells = np.empty((len(cells.shells), POLAR_BINS))
    for k, (inner, outer) in enumerate(cells.shells):
        r = inner + (outer - inner) * share[:, None]
        weight = r**2 * np.sin(theta)
        shells[k] = (geometry_function(r, theta, LENGTH) * weight).sum(axis=(1, 2)) / weight.sum(axis=(1, 2))
    rings = np.empty((len(cells.rings), len(cells.heights)))
    for i, (inner, outer) in enumerate(cells.rings):
        for j, (low, high) in enumerate(cells.heights):
            rho = (inner + (outer - inner) * share)[:, None]
            z = low + (high - low) * share
            g = geometry_function(np.hypot(rho, z), np.arctan2(rho, z), LENGTH)
            rings[i, j] = (g * rho).sum() / (np.broadcast_to(rho, g.shape)).sum()
    return shells, rings


def test_a_line_source_in_vacuum_has_g_and_f_of_one() -> None:
    model = load_seed_model("6711")
    factors = cell_factors(model, characterisation_cells(), LENGTH)
    found = dosimetric_quantities(*line_source_dose(), STRENGTH, factors=factors, mirror_symmetric=True)
    reference = float(geometry_function(1.0, np.pi / 2, LENGTH))
    # midpoints of twelfths of a cell are good to 2e-4 at worst, beside the line's end
    np.testing.assert_allclose(found["dose_rate_constant"], reference / STRENGTH, rtol=2e-5)
    np.testing.assert_allclose(found["radial_dose_function_line"], 1.0, rtol=5e-5)
    at_90 = geometry_function(RADII, np.pi / 2, LENGTH) / reference
    np.testing.assert_allclose(found["radial_dose_function_point"], at_90 * RADII**2, rtol=5e-5)
    f = found["anisotropy_function"]
    assert np.isfinite(f[RADII >= 0.25]).all()
    np.testing.assert_allclose(f[np.isfinite(f)], 1.0, rtol=5e-4)
    table = found["along_away_dose_rate"] * STRENGTH[0]
    y, z = np.meshgrid(AWAY, ALONG, indexing="ij")
    expected = geometry_function(np.hypot(y, z), np.arctan2(y, z), LENGTH)
    inside = np.isnan(table)
    assert inside.sum() == 1
    assert inside[0, 0]
    np.testing.assert_allclose(table[~inside], expected[~inside], rtol=5e-4)


def test_phi_an_is_the_mean_dose_on_the_sphere() -> None:
    factors = cell_factors(load_seed_model("6711"), characterisation_cells(), LENGTH)
    shells, rings = line_source_dose()
    found = dosimetric_quantities(shells, rings, STRENGTH, factors=factors, mirror_symmetric=True)[
        "anisotropy_1d"
    ]
    # mean over the sphere, weighted with sin θ, by Gauss-Legendre in cos θ
    cosine, weight = np.polynomial.legendre.leggauss(400)
    for r, value in zip(RADII, found, strict=True):
        if r < 0.25:
            assert np.isnan(value)  # the sphere cuts the seed, which ends at 0.2275 cm
            continue
        mean = (geometry_function(r, np.arccos(cosine), LENGTH) * weight).sum() / 2.0
        assert value == pytest.approx(mean / float(geometry_function(r, np.pi / 2, LENGTH)), rel=2e-4)


def test_mirror_images_are_folded_only_where_the_seed_is_its_own() -> None:
    model = load_seed_model("6711")
    cells = characterisation_cells()
    factors = cell_factors(model, cells, LENGTH)
    shells, rings = line_source_dose()
    # one per cent more above, one less below: folding removes it, to the order of the volumes' symmetry
    tilt = 1.0 + 0.01 * np.sign(np.pi / 2 - (np.arange(POLAR_BINS) + 0.5) * np.pi / POLAR_BINS)
    lean = 1.0 + 0.01 * np.sign(cells.heights.mean(axis=1))
    folded = dosimetric_quantities(
        shells * tilt, rings * lean, STRENGTH, factors=factors, mirror_symmetric=True
    )
    straight = dosimetric_quantities(shells, rings, STRENGTH, factors=factors, mirror_symmetric=True)
    for name, value in straight.items():
        np.testing.assert_allclose(folded[name], value, rtol=1e-9, err_msg=name)
    lopsided = polar_angles(False)
    assert np.array_equal(lopsided[: len(THETA)], THETA)
    assert np.array_equal(180.0 - lopsided[::-1], lopsided)
    weights = bin_weights(lopsided, False)
    assert np.array_equal(weights[:, ::-1], weights[::-1])
    assert np.array_equal(np.maximum(weights, weights[:, ::-1])[: len(THETA)], bin_weights(THETA, True))


def test_jackknife_of_a_ratio_keeps_the_correlation() -> None:
    rng = np.random.default_rng(4)
    x = 10.0 + rng.normal(size=(50, 3))
    y = 2.0 * x + 0.1 * rng.normal(size=(50, 3))
    found = jackknife([y, x], lambda a, b: {"ratio": a / b}).std_dev["ratio"]
    # error propagation with the sample's covariance, first order; the second is (0.1/√50)² of it
    relative = y / y.mean(axis=0) - x / x.mean(axis=0)
    expected = 2.0 * relative.std(axis=0, ddof=1) / np.sqrt(50)
    np.testing.assert_allclose(found, expected, rtol=0.02)


def test_folded_f_has_the_uncertainty_of_its_spread() -> None:
    # of a seed that is not its own mirror image; the halves share the dose at 90°, so their errors are correlated
    model = replace(load_seed_model("6711"), mirror_symmetric=False)
    factors = cell_factors(model, characterisation_cells(), LENGTH)
    shells, rings = line_source_dose()
    rng = np.random.default_rng(11)
    groups, noise = 50, 0.05

    def quantities(s: np.ndarray, r: np.ndarray, k: np.ndarray) -> dict[str, np.ndarray]:
        return dosimetric_quantities(s, r, k, factors=factors, mirror_symmetric=False)

    def folded(s: np.ndarray) -> dict[str, np.ndarray]:
        return {"F": quantities(s, rings, STRENGTH)["folded_anisotropy_function"]}

    stated = jackknife([shells * (1.0 + noise * rng.normal(size=(groups, *shells.shape)))], folded).std_dev[
        "F"
    ]
    repeated = np.array(
        [
            folded(shells * (1.0 + noise / np.sqrt(groups) * rng.normal(size=shells.shape)))["F"]
            for _ in range(100)
        ]
    ).std(axis=0, ddof=1)
    known = np.isfinite(repeated) & (factors.theta[: repeated.shape[1]] < 90.0)
    # spread of 600 cells, each to 7 and 10 %, neighbours correlated through D(90°): 3 %. Without the shared D(90°) the
    # stated one would be 17 % too small.
    assert known.sum() > 500
    assert np.sqrt((stated[known] ** 2).mean() / (repeated[known] ** 2).mean()) == pytest.approx(
        1.0, abs=0.06
    )


@pytest.fixture(scope="module")
def seed_6711() -> xr.Dataset:
    return characterise("6711", 2_000_000, threads=2)


def test_every_quantity_has_an_uncertainty_and_survives_its_file(
    seed_6711: xr.Dataset, tmp_path: Path
) -> None:
    names = [
        name for name in seed_6711.data_vars if not str(name).endswith("_std_dev") and name != "line_origin"
    ]
    for name in names:
        deviation = seed_6711[f"{name}_std_dev"]
        assert deviation.dims == seed_6711[name].dims
        assert np.array_equal(np.isnan(deviation), np.isnan(seed_6711[name])), name
    write_characterisation(tmp_path / "c.h5", seed_6711)
    read = read_characterisation(tmp_path / "c.h5")
    xr.testing.assert_equal(read, seed_6711)
    assert {name: read.attrs[name] for name in seed_6711.attrs} == seed_6711.attrs
    with xr.open_dataset(tmp_path / "c.h5", engine="h5netcdf") as opened:
        assert float(opened.dose_rate_constant.sel(chamber="wafac")) == float(seed_6711.dose_rate_constant[0])


def test_values_of_the_6711_are_near_the_published_ones(seed_6711: xr.Dataset) -> None:
    constant, deviation = (
        float(seed_6711.dose_rate_constant[0]),
        float(seed_6711.dose_rate_constant_std_dev[0]),
    )
    assert deviation < 0.008 * constant
    # 0.932 (Safigholi et al. 2020, doi:10.1002/mp.14249), 1 % between published simulations, 4.9 σ
    assert abs(constant - 0.932) < 0.01 * 0.932 + 4.9 * deviation
    beside = beside_consensus(seed_6711, load_source("6711"))
    for r in (0.5, 1.5, 2.0, 3.0, 5.0):
        at = beside.sel(consensus_r=r)
        spread = float(seed_6711.radial_dose_function_line_std_dev.sel(r=r))
        difference = float(at.radial_dose_function_line - at.consensus_radial_dose_function_line)
        assert abs(difference) < 0.02 * float(at.consensus_radial_dose_function_line) + 4.9 * spread
    # about a quarter of the strength is fluorescence of the silver rod (Kα 22 keV, Kβ 25 keV)
    silver = seed_6711.fluorescence_share_of_strength.sel(fluorescence=["Ag Kα", "Ag Kβ"]).values
    assert 0.2 < silver.sum() < 0.35
    assert silver[1] < 0.3 * silver[0]
    assert float(seed_6711.fluorescence_share_of_strength.sel(fluorescence="Ti Kα")) == 0.0
    # the spectrum's bins hold all photons above 5 keV
    above = seed_6711.energy.values > 5.0
    assert float(seed_6711.spectrum[above].sum()) == pytest.approx(
        float(seed_6711.photons_per_history[0]), rel=1e-9
    )


def test_the_table_gives_back_the_along_away_doses(seed_6711: xr.Dataset, tmp_path: Path) -> None:
    write_tg43_table(tmp_path / "tg43.json", tg43_document(seed_6711))
    source = read_source(tmp_path / "tg43.json")
    assert source.dose_rate_constant == pytest.approx(float(seed_6711.dose_rate_constant[0]), abs=1e-5)
    assert "Monte Carlo" in source.reference
    y, z = np.meshgrid(AWAY, ALONG, indexing="ij")
    points = np.stack([y.ravel(), np.zeros(y.size), z.ravel()], axis=1)
    rate = dose_rate(points, np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]]), np.ones(1), source) * 100.0
    scored, deviation = seed_6711.along_away_dose_rate.values, seed_6711.along_away_dose_rate_std_dev.values
    known = np.isfinite(scored) & (scored > 0.0)
    assert known.sum() == y.size - 1
    from_table, scored, relative = rate.reshape(y.shape)[known], scored[known], (deviation / scored)[known]
    # The table's own noise is about that of the score: √2, and 5.1 σ for 168 points at 1e-4 (ratios of few photons are
    # not quite normal). 3 %: interpolation of F in steps of 5°, of g in steps of 0.25 to 0.5 cm.
    assert np.all(np.abs(from_table / scored - 1.0) < 0.03 + 5.1 * np.sqrt(2.0) * relative)
    near = relative < 0.01
    assert near.sum() > 25
    assert np.abs(from_table / scored - 1.0)[near].mean() < 0.01


def test_the_table_carries_its_uncertainties(seed_6711: xr.Dataset) -> None:
    document = json.loads(json.dumps(tg43_document(seed_6711)))
    assert document["derivation"] == "Monte Carlo"
    assert document["dose_rate_constant_std_dev"] > 0.0
    for part, value in (
        ("radial_dose_function", "g_L"),
        ("anisotropy_function", "F"),
        ("anisotropy_factor", "phi_an"),
    ):
        table = np.array(document[part][value])
        deviation = np.array(document[part][f"{value}_std_dev"])
        assert table.shape == deviation.shape
        assert (deviation > 0.0).mean() > 0.9  # all but the points that are 1 by definition
    assert min(document["radial_dose_function"]["r"]) == 0.05
    assert min(document["anisotropy_function"]["r"]) == 0.25


def test_lopsided_seeds_have_both_halves_and_one_table(tmp_path: Path) -> None:
    entry = json.loads(
        (Path(__file__).parents[2] / "mcsim" / "data" / "seeds" / "oncoseed_6711.json").read_text(
            encoding="utf-8"
        )
    )
    # the coated rod pushed to one end
    for solid in entry["solids"]:
        if solid["name"] in ("coating", "rod"):
            solid["z"] = [z + 0.04 for z in solid["z"]]
    entry.update(name="pushed 6711", aliases=[], mirror_symmetric=False, active_length=0.28)
    path = tmp_path / "pushed.json"
    path.write_text(json.dumps(entry), encoding="utf-8")
    data = characterise(str(path), 500_000, threads=2)
    assert data.theta.values[[0, -1]].tolist() == [0.0, 180.0]
    assert data.along.values[[0, -1]].tolist() == [-7.0, 7.0]
    up, down = (data.along_away_dose_rate.sel(away=0.5, along=s * 0.5) for s in (1.0, -1.0))
    assert float(up) > 1.1 * float(down)
    document = tg43_document(data)
    f, theta = np.array(document["anisotropy_function"]["F"]), data.theta.values
    row = list(document["anisotropy_function"]["r"]).index(1.0)
    at = data.anisotropy_function.sel(r=1.0)
    assert f[row, 0] == pytest.approx(float(at[0] + at[-1]) / 2.0, abs=1e-4)
    assert f[row, -1] == 1.0
    deviation = np.array(document["anisotropy_function"]["F_std_dev"])
    np.testing.assert_allclose(deviation[row], data.folded_anisotropy_function_std_dev.sel(r=1.0), atol=1e-5)
    assert len(theta) == 2 * f.shape[1] - 1
    assert any("both halves" in line for line in document["provenance"])


def test_active_length_comes_from_the_file_the_extent_or_the_user(tmp_path: Path) -> None:
    entry = json.loads(
        (Path(__file__).parents[2] / "mcsim" / "data" / "seeds" / "oncoseed_6711.json").read_text(
            encoding="utf-8"
        )
    )
    del entry["active_length"]
    entry.update(name="my seed", aliases=[])
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(entry), encoding="utf-8")
    assert load_seed_model(path).active_length == pytest.approx(0.28)  # the coating's ends
    own = characterise(str(path), 250_000, threads=2)
    assert own.attrs["active_length_source"] == "extent of the activity along the axis"
    asked = characterise(str(path), 250_000, threads=2, active_length=0.3)
    assert asked.attrs["active_length_source"] == "as asked for"
    change = geometry_function(0.5, np.pi / 2, 0.28) / geometry_function(1.0, np.pi / 2, 0.28)
    change /= geometry_function(0.5, np.pi / 2, 0.3) / geometry_function(1.0, np.pi / 2, 0.3)
    ratio = asked.radial_dose_function_line.sel(r=0.5) / own.radial_dose_function_line.sel(r=0.5)
    assert float(ratio) == pytest.approx(float(change), rel=2e-4)  # the cells' correction changes by 1e-4


def test_stops_at_the_uncertainty_asked_for() -> None:
    told: list[tuple[int, float]] = []
    data = characterise(
        "6711", 20_000_000, threads=2, uncertainty=0.012, progress=lambda *so_far: told.append(so_far)
    )
    reached = float(data.dose_rate_constant_std_dev[0] / data.dose_rate_constant[0])
    assert data.attrs["histories"] == told[-1][0] < 2_000_000
    assert told[-1][1] == pytest.approx(reached, rel=0.02)  # of the jackknife and of the ratio to first order
    assert reached <= 0.0121
    assert all(so_far > 0.012 for _, so_far in told[:-1])


def test_lines_have_a_name() -> None:
    model = load_seed_model("6711")
    origins = line_origins(model, np.array([27.4723, 35.4919]))
    assert origins == ["I-125", "I-125"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"histories": 0}, "histories is 0"),
        ({"histories": 1000, "uncertainty": 1.5}, "uncertainty is 1.5"),
        ({"histories": 1000, "active_length": -0.3}, "active_length is -0.3 cm"),
        ({"histories": 1000, "spectrum": "i126"}, "spectrum is 'i126'"),
    ],
)
def test_impossible_requests_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        characterise("6711", **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "is not JSON"), ("[]", "is a list"), ("{}", "'radial_dose_function' of source"), (None, "existing file"),
     ('{"name": "x", "radionuclide": "I-125", "half_life": 59.4, "dose_rate_constant": 1, "active_length": 0.3, '
         '"radial_dose_function": 3, "capsule": {}, "anisotropy_function": {}}', "value of another kind")],
)  # fmt: skip
def test_a_bad_table_is_refused_in_one_sentence(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "table.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidTg43Input, match=message):
        read_source(path)
