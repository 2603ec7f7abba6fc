"""Physics and spectrum chosen on the command line reach the simulation, its digest and the phase space's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mcsim.invalid_input import InvalidInput
from mcsim.physics_settings import PhysicsSettings
from mcsim.seed_model import load_seed_model
from mcsim.simulation import Simulation
from mcsim.simulation_settings import Settings
from validation.case import built_in
from validation.cli import app
from validation.studies import monte_carlo

CHOSEN = [
    "--spectrum", "i125_tg43u1", "--cut-off", "5", "--coherent", "off", "--incoherent", "free_electrons",
    "--no-fluorescence", "Ti", "--no-fluorescence", "Ag",
]  # fmt: skip
PHYSICS = PhysicsSettings(5.0, "off", "free_electrons", ("Ag", "Ti"))


class Reached(Exception):
    """The simulation was about to be set up."""


@pytest.fixture(scope="module")
def case_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("case") / "case.h5"
    built_in("neck").write(path)
    return path


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch, case_file: Path, tmp_path: Path):
    """The settings that a command line gives the simulation."""

    def command(name: str, *options: str) -> Settings:
        caught: list[Settings] = []

        def simulation(*arguments: object, **_: object) -> Simulation:
            caught.extend(a for a in arguments if isinstance(a, Settings))
            raise Reached

        monkeypatch.setattr(monte_carlo, "Simulation", simulation)
        out = tmp_path / ("out" if name == "run" else "out.h5")
        arguments = [name, str(case_file), "--out", str(out), "--voxel", "4", *options]
        result = CliRunner().invoke(app, arguments)
        assert isinstance(result.exception, Reached), result.output
        return caught[0]

    return command


@pytest.mark.parametrize("name", ["simulate", "run"])
def test_options_reach_the_simulation(settings_of, name: str) -> None:
    chosen = settings_of(name, *CHOSEN)
    assert chosen.physics == PHYSICS
    assert chosen.spectrum == "i125_tg43u1"


def test_without_options_the_settings_are_the_default_ones(settings_of) -> None:
    assert settings_of("simulate") == Settings()


def test_unknown_choices_are_refused(case_file: Path, tmp_path: Path) -> None:
    for options, message in (
        (("--coherent", "on"), "form_factor"),
        (("--no-fluorescence", "Xx"), "element is 'Xx'"),
        (("--cut-off", "0.1"), "cut_off_kev is 0.1 keV"),
    ):
        arguments = ["simulate", str(case_file), "--out", str(tmp_path / "out.h5"), *options]
        result = CliRunner().invoke(app, arguments)
        assert message in result.output + str(result.exception)
        assert result.exit_code != 0


def test_the_spectrum_of_another_radionuclide_is_refused() -> None:
    assert np.max(load_seed_model("6711", "i125_tg43u1").spectrum.energy_kev) == 35.492
    message = r"spectrum is 'pd103_nndc' of Pd-103, expected one of I-125 \(the seed OncoSeed 6711 holds it\)"
    with pytest.raises(InvalidInput, match=message):
        load_seed_model("6711", "pd103_nndc")
