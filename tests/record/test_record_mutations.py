"""Checks of the record seen to miss when the physics they are about is wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from validation.record import oracles_interactions, oracles_transport
from validation.record.check import Check
from validation.record.room import Effort

QUICK = Effort("quick", threads=2)


def scaled(function: Callable[..., float], factor: float) -> Callable[..., float]:
    return lambda *arguments: factor * function(*arguments)


def verdicts(checks: list[Check]) -> set[str]:
    return {check.verdict for check in checks}


def test_attenuation_of_a_beam_wrong_by_a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracles_transport, "at_energy", scaled(oracles_transport.at_energy, 1.1))
    assert verdicts(oracles_transport._narrow_beams(QUICK)) == {"misses"}


def test_shadow_of_a_seed_with_a_thicker_coating(monkeypatch: pytest.MonkeyPatch) -> None:
    right = oracles_transport.published_data("published_values")
    changed = {**right, "geometry_6711_cm": {**right["geometry_6711_cm"], "coating": 1.3 * 0.000175}}
    monkeypatch.setattr(oracles_transport, "published_data", lambda name: changed)
    found = {check.name: check.verdict for check in oracles_transport._seed_shadow(QUICK)}
    assert found["shadow of a 6711: across, through coating and silver"] == "misses"
    assert found["shadow of a 6711: across, past the rod"] == "agrees"


def test_scattering_by_the_mirror_image_of_klein_and_nishina(monkeypatch: pytest.MonkeyPatch) -> None:
    right = oracles_interactions.interactions

    def mirrored(*arguments: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        energies, cosines, processes = right(*arguments)
        return energies, -cosines, processes

    monkeypatch.setattr(oracles_interactions, "interactions", mirrored)
    found = {check.name: check.verdict for check in oracles_interactions._free_electrons(QUICK)}
    assert found == {
        "⟨cos θ⟩ of Klein-Nishina": "misses",
        "⟨cos² θ⟩ of Klein-Nishina": "agrees",
        "⟨T/E⟩ of Klein-Nishina": "agrees",
    }


def test_energy_absorption_that_keeps_the_fluorescence(monkeypatch: pytest.MonkeyPatch) -> None:
    # µ_en of a table without fluorescence against interactions that send it out
    right = oracles_interactions.at_energy

    def kept(table: np.ndarray, tables, energy: float) -> float:
        if table is tables.energy_absorption:
            return right(tables.total - tables.incoherent - tables.coherent, tables, energy)
        return right(table, tables, energy)

    monkeypatch.setattr(oracles_interactions, "at_energy", kept)
    found = {check.name: check.verdict for check in oracles_interactions._energy_absorption(QUICK)}
    assert found["energy left in silver at 27.4723 keV"] == "misses"
    assert found["energy left in titanium at 27.4723 keV"] == "misses"
