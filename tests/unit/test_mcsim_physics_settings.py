"""Physics settings: what is refused, and that equal physics looks equal."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from mcsim.invalid_input import InvalidInput
from mcsim.phase_space import phase_space_digest
from mcsim.physics_settings import PhysicsSettings
from mcsim.seed_model import load_seed_model
from mcsim.simulation import Settings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cut_off_kev": 0.5}, r"cut_off_kev is 0.5 keV, expected 1 to 5"),
        ({"cut_off_kev": 25.0}, r"cut_off_kev is 25.0 keV"),
        ({"cut_off_kev": float("nan")}, r"cut_off_kev is nan keV"),
        ({"coherent": "on"}, r"coherent is 'on', expected one of form_factor, "),
        (
            {"incoherent": "bound"},
            r"incoherent is 'bound', expected one of scattering_function, free_electrons",
        ),
        ({"fluorescence_off": ("Ag", "Xx")}, r"element is 'Xx', expected a chemical symbol from H to Bi"),
    ],
)
def test_bad_physics_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        PhysicsSettings(**change)


def test_equal_physics_is_equal_however_it_is_written() -> None:
    one = PhysicsSettings(cut_off_kev=2, fluorescence_off=("Ti", "Ag", "Ti"))
    other = PhysicsSettings(cut_off_kev=2.0, fluorescence_off=("Ag", "Ti"))
    assert one == other
    assert json.dumps(asdict(one)) == json.dumps(asdict(other))
    assert PhysicsSettings(fluorescence_off=("Ti", "all")) == PhysicsSettings(fluorescence_off=("all",))
    assert PhysicsSettings.from_record(json.loads(json.dumps(asdict(one)))) == one
    assert PhysicsSettings.from_record(None) == PhysicsSettings()


CHOICES = [
    {"cut_off_kev": 5.0},
    {"coherent": "off"},
    {"incoherent": "free_electrons"},
    {"fluorescence_off": ("Ag",)},
    {"fluorescence_off": ("all",)},
]


def test_every_choice_reaches_the_digest_of_the_phase_space_and_the_result(small_run) -> None:
    model = load_seed_model("6711")
    settings = [PhysicsSettings(), *(PhysicsSettings(**choice) for choice in CHOICES)]
    assert len({phase_space_digest(model, 100_000, physics) for physics in settings}) == len(settings)
    default, other = small_run(), small_run(physics=PhysicsSettings(coherent="off"))
    assert default.digest() != other.digest()
    assert json.loads(json.dumps(other.settings_record()))["physics"]["coherent"] == "off"
    assert Settings().physics == PhysicsSettings()
