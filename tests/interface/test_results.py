"""Results are labelled data sets that survive every file, and wrong input is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import validation
from mcsim.simulation_settings import Progress
from validation import (
    Case,
    InvalidInput,
    characterise,
    compare,
    displacement_study,
    monte_carlo_dose,
    read_result,
    tg43_dose,
)
from validation.evaluate.structure_fractions import structure_fractions
from validation.studies.media_settings import MediaSettings

RESULTS = ("monte_carlo", "tg43", "comparison", "study", "seed")


@pytest.fixture(params=RESULTS)
def result(request: pytest.FixtureRequest) -> xr.Dataset:
    return request.getfixturevalue(request.param)


def test_every_number_has_a_unit_and_a_meaning(result: xr.Dataset) -> None:
    for name, variable in result.variables.items():
        for attribute in ("units", "description", "long_name"):
            assert str(variable.attrs.get(attribute, "")).strip(), f"{attribute} of {name}"
    for dim in result.dims:
        assert dim in result.coords, f"{dim} has no coordinate"


def test_results_say_what_made_them(result: xr.Dataset) -> None:
    for name in ("filetype", "format_version", "created_by"):
        assert result.attrs[name]
    digests = [name for name in result.attrs if str(name).endswith("digest")]
    assert digests
    assert result.seedmc.kind != "no result"


def test_xarrays_own_files_keep_everything(result: xr.Dataset, tmp_path: Path) -> None:
    result.to_netcdf(tmp_path / "result.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "result.nc", engine="h5netcdf") as again:
        xr.testing.assert_identical(again.load(), result)


@pytest.mark.parametrize("name", ["tg43", "comparison", "study", "seed"])
def test_files_of_the_commands_keep_everything(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    result = request.getfixturevalue(name)
    result.seedmc.write(tmp_path / "result.h5")
    xr.testing.assert_identical(read_result(tmp_path / "result.h5"), result)


def test_a_monte_carlo_dose_goes_on_in_its_file(neck: Case, tmp_path: Path) -> None:
    path, seen = tmp_path / "monte_carlo.h5", list[Progress]()
    few = monte_carlo_dose(neck, voxel=0.5, histories=20_000, file=path, threads=1)
    more = monte_carlo_dose(neck, voxel=0.5, histories=100_000, file=path, threads=1, progress=seen.append)
    at_once = monte_carlo_dose(neck, voxel=0.5, histories=100_000, threads=1)
    assert few.attrs["histories"] < more.attrs["histories"] == at_once.attrs["histories"]
    np.testing.assert_array_equal(more.dose, at_once.dose)
    # The batches that were there are not simulated again.
    assert 0 < len(seen) < more.attrs["batches"]
    xr.testing.assert_equal(read_result(path, neck), more)


def test_uncertainty_is_reached(neck: Case) -> None:
    dose = monte_carlo_dose(neck, voxel=0.4, uncertainty=0.05)
    weight = structure_fractions(neck.structures["PTV"], *(dose[axis].values for axis in "xyz"))
    weight *= dose.dose.values > 0.0
    relative = np.divide(
        dose.dose_std_dev.values, dose.dose.values, where=weight > 0.0, out=np.zeros(weight.shape)
    )
    found = float((relative * weight).sum() / weight.sum())
    # The rule looks after every batch, and the fewest batches are twenty: it may be less, never more.
    assert 0.0 < found <= 0.05


def test_default_uncertainty_counts_unless_another_limit_is_given(
    neck: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    from validation.interface import doses

    rules = []

    class EndedError(Exception):
        pass

    def noted(case: Case, options: Any, rule: Any, *others: Any) -> None:
        rules.append(rule)
        raise EndedError

    monkeypatch.setattr(doses.monte_carlo, "monte_carlo_dose", noted)
    for limits in ({}, {"histories": 1000}, {"max_time": 3.0}, {"histories": 1000, "uncertainty": 0.03}):
        with pytest.raises(EndedError):
            monte_carlo_dose(neck, **limits)
    assert [(rule.uncertainty, rule.histories) for rule in rules] == [
        (0.02, 0), (0.0, 1000), (0.0, 0), (0.03, 1000),
    ]  # fmt: skip
    assert rules[2].time_s == 3.0


def test_indices_are_those_of_the_comparison(comparison: xr.Dataset) -> None:
    table = comparison.seedmc.indices
    for name in comparison["index"].values:
        unit = str(comparison.index_unit.sel(index=name).item())
        assert table[name].attrs["units"] == unit
        found = comparison.index_value.sel(index=name)
        np.testing.assert_array_equal(table[name].sel(structure="PTV"), found.sel(structure="PTV"))
        std_dev = table[f"{name}_std_dev"].sel(structure="PTV")
        assert np.isnan(std_dev.sel(engine="tg43"))
        np.testing.assert_array_equal(
            std_dev.sel(engine="monte_carlo"), comparison.index_std_dev.sel(index=name, structure="PTV")
        )
    frame = table.to_dataframe()
    assert frame.loc[("PTV", "tg43"), "D90"] == float(table.D90.sel(structure="PTV", engine="tg43"))


def test_summary_of_a_study(study: xr.Dataset) -> None:
    table = study.seedmc.summary
    values = study.tg43_value.sel(scenario="σ 3 mm", structure="PTV", index="D90").values
    at = table.sel(scenario="σ 3 mm", structure="PTV", index="D90")
    assert float(at.tg43_mean) == pytest.approx(values.mean(), rel=1e-12)
    assert float(at.tg43_spread) == pytest.approx(values.std(ddof=1), rel=1e-12)
    assert float(at.tg43_mean_std_dev) == pytest.approx(values.std(ddof=1) / 4.0, rel=1e-12)
    assert float(at.index_unit == "Gy")
    chance = table.probability.sel(scenario="σ 3 mm", engine="TG-43")
    assert float(chance) == (values >= 120.0).mean()
    for name, variable in table.variables.items():
        assert variable.attrs["units"], name


def test_a_characterised_seed_makes_doses(seed: xr.Dataset, neck: Case) -> None:
    own = tg43_dose(neck, voxel=0.4, source_data=seed.seedmc.tg43_table())
    packaged = tg43_dose(neck, voxel=0.4, source_data="mc:6711")
    assert own.attrs["dose_rate_constant"] == pytest.approx(
        float(seed.dose_rate_constant.sel(chamber="wafac")), abs=1e-5
    )  # rounded in the table
    # 250,000 photons give Λ to some 2 %, more than g and F add for the sum over 11 seeds.
    ratio = float((own.dose / packaged.dose).median())
    assert ratio == pytest.approx(1.0, abs=0.06)


def test_every_name_is_there() -> None:
    for name in validation.__all__:
        assert getattr(validation, name).__doc__
        assert name in dir(validation)
    with pytest.raises(AttributeError, match="no attribute 'simulate'"):
        _ = validation.simulate


CHOICES: list[tuple[dict[str, Any], str]] = [
    ({"seeds": "all"}, "expected 'interseed' or 'superposition'"),
    ({"media": "air"}, "expected one of patient, water_body, water"),
    ({"beyond": "air"}, "expected one of continue, water, vacuum"),
    ({"variance_reduction": "splitting"}, "expected 'correlated' or 'none'"),
    ({"hounsfield_curve": "leg"}, "expected one of neck, thorax, schneider2000"),
    ({"medium_of": {"GTV": "cheese"}}, "medium of structure GTV"),
    ({"voxel": 3.0}, "expected 0.2 to 5 mm"),
    ({"uncertainty": 2.0}, "it is relative: 0.02 is 2 %"),
    ({"uncertainty": 0.0}, "the simulation would never end"),
    ({"histories": -1}, "expected 0 or more"),
    ({"max_time": -1.0}, "expected 0 s or more"),
    ({"media": "water", "medium_of": {"GTV": "water"}}, "medium_of has no effect"),
    ({"media": "water", "tissues": MediaSettings()}, "tissues has no effect"),
    ({"tissues": MediaSettings(), "medium_of": {"GTV": "water"}}, "medium_of is given beside tissues"),
]


@pytest.mark.parametrize(("options", "words"), CHOICES)
def test_wrong_choices_are_refused(neck: Case, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        monte_carlo_dose(neck, **{"voxel": 0.5, **options})
    assert words in str(refusal.value)


def test_wrong_doses_are_refused(
    neck: Case, monte_carlo: xr.Dataset, tg43: xr.Dataset, comparison: xr.Dataset, tmp_path: Path
) -> None:
    plain = xr.Dataset({"dose": ("x", [1.0])})
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: compare(neck, tg43), "number of doses is 1, expected two or three"),
        (lambda: compare(neck, tg43, tg43), "number of TG-43 doses is 2, expected at most 1"),
        (lambda: compare(neck, tg43, plain), "filetype of dose 2 is 'missing'"),
        (lambda: compare(neck, tg43, comparison), "filetype of dose 2 is 'seedmc-comparison'"),
        (lambda: compare(neck, tg43, tmp_path / "none.h5"), "none.h5 is not there"),
        (lambda: read_result(tmp_path / "none.h5"), "none.h5 is not there"),
        (lambda: monte_carlo.seedmc.write(tmp_path / "a.h5"), "Give monte_carlo_dose a file"),
        (lambda: plain.seedmc.indices, "data set is no result, expected a comparison"),
        (lambda: tg43.seedmc.summary, "data set is a TG-43 dose, expected a study"),
        (tg43.seedmc.tg43_table, "expected the characterisation of a seed"),
        (lambda: characterise("no such seed"), "no such seed"),
        (lambda: displacement_study(neck, sigma=-0.1), "sigma_mm is -1 mm, expected"),
        (lambda: displacement_study(neck, colour=1.0), "'colour' is not known, expected one of"),
        (
            lambda: Case.read("nowhere"),
            "expected a DICOM folder, a case file, an .egsphant or a built-in case (neck)",
        ),
        (lambda: Case.read("neck", target_margin=0.3), "expected it with an .egsphant only"),
        (lambda: Case.read("neck", target="LIVER"), "prescription target is 'LIVER', expected one of"),
    ]
    for call, words in refused:
        with pytest.raises(InvalidInput) as refusal:
            call()
        assert words in str(refusal.value)


def test_results_of_another_case_are_refused(neck: Case, tg43: xr.Dataset, tmp_path: Path) -> None:
    other = Case.read("neck", prescription=100.0)
    path = tmp_path / "monte_carlo.h5"
    monte_carlo_dose(neck, voxel=0.5, histories=5_000, file=path, threads=1)
    text = path.with_name("text.h5")
    text.write_text("no file of ours")
    for call, words in (
        (lambda: read_result(path, other), "the dose was calculated for another"),
        (lambda: read_result(path), "the case it was calculated for"),
        (lambda: read_result(text), "is not an HDF5 file"),
        (lambda: tg43.seedmc.plot_slice(case=other), "the dose was calculated for another"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            call()
        assert words in str(refusal.value)
    neck.write(tmp_path / "case.h5")
    with pytest.raises(InvalidInput, match=r"a case is read by Case\.read"):
        read_result(tmp_path / "case.h5")


def test_plain_xarray_plots_have_units(monte_carlo: xr.Dataset) -> None:
    monte_carlo.dose.sel(z=0.0, method="nearest").plot(x="x")
    ax = plt.gca()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x [cm]", "y [cm]")
    assert ax.figure.axes[-1].get_ylabel().split() == ["Monte", "Carlo", "dose", "[Gy]"]
