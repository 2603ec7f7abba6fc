"""Settings of a simulation as the report tells them: in words, with units, never as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcsim.physics_settings import PhysicsSettings
from validation.commands.tissue_options import tissues_of
from validation.report.facts import case_facts, run_facts, settings_notes, subtitle
from validation.report.settings_text import physics_rows, plain, technique_rows, tissue_rows
from validation.studies.compare import Comparison
from validation.studies.media_settings import MediaSettings


def settings(tissues: MediaSettings | None = None, **more: object) -> dict[str, Any]:
    """A settings record as a result file holds it."""
    tissues = tissues or MediaSettings()
    record = {
        "hounsfield_curve": f"{tissues.curve.name}: {tissues.curve.source}",
        "media_settings": tissues.record(),
        "voxels_by_contour": 0,
        "voxels_of_calcification": 0,
        "seed_artefact_voxels_overridden": 0,
        "physics": PhysicsSettings().__dict__,
        "spectrum": "",
        **more,
    }
    return json.loads(json.dumps(record))


def test_default_physics_and_tissues() -> None:
    assert dict(physics_rows(settings())) == {
        "Photons followed down to": "1 keV",
        "Coherent scattering": "with atomic form factors",
        "Incoherent scattering": "on bound electrons, Klein-Nishina times the incoherent scattering function",
        "Fluorescence": "of all elements",
        "Spectrum": "the seed model's own",
    }
    rows = dict(tissue_rows(settings()))
    assert rows["Density by CT number"].startswith("0.0012 at −1\u202f000, 0.9305 at −98, ")
    assert rows["Density by CT number"].endswith("2.793 at 3\u202f000 HU; in g/cm³, straight between")
    assert rows["Media by CT number"] == (
        "air below −850 HU, mean male soft tissue below −150 HU, adipose below −30 HU, muscle below 120 HU, "
        "cartilage below 300 HU, spongiosa below 700 HU, cortical bone above"
    )
    assert rows["Media by contour"] == "none: the CT number decides"
    assert rows["Calcification"] == "none"
    assert rows["Seeds and streaks on the CT"] == "nothing replaced: the CT does not show the seeds"


@pytest.mark.parametrize(
    ("off", "words"),
    [
        (("Ti", "Ag"), "of all elements but Ag, Ti, whose stays where it is made"),
        (("all",), "none, it stays where it is made"),
    ],
)
def test_chosen_physics(off: tuple[str, ...], words: str) -> None:
    physics = PhysicsSettings(4.5, "off", "free_electrons", off).__dict__
    rows = dict(physics_rows(settings(physics=physics, spectrum="i125_tg43u1")))
    assert rows["Photons followed down to"] == "4.5 keV"
    assert rows["Coherent scattering"] == "left out"
    assert rows["Incoherent scattering"] == "on free electrons, Klein-Nishina"
    assert rows["Fluorescence"] == words
    assert rows["Spectrum"] == "i125_tg43u1"


def test_chosen_tissues_with_their_counts() -> None:
    tissues = tissues_of("neck", ["GTV=breast_gland", "SKIN=skin"], "nominal", None, None, 12.0, "40", 200.0)
    counts = {"overridden": 1500, "of_seeds": 900, "bright": 400, "dark": 200}
    record = settings(
        tissues,
        voxels_by_contour=1,
        voxels_of_calcification=1234,
        seed_artefact_volume_cm3=3.756,
        seed_artefact_replaced_by_hu=40.2,
        seed_artefact_patches_kept=7,
        **{f"seed_artefact_voxels_{name}": count for name, count in counts.items()},
    )
    rows = dict(tissue_rows(record))
    assert rows["Media by contour"] == (
        "GTV: breast gland; SKIN: skin (1 voxel); soft tissue: voxels of −150 to 200 HU only; "
        "density the medium's own"
    )
    assert rows["Calcification"] == ("mixed into soft tissue above 200 HU in the target (1\u202f234 voxels)")
    assert rows["Seeds and streaks on the CT"] == (
        "1\u202f500 CT voxels (3.76 cm³) replaced by tissue: 900 of seeds, 400 of bright, 200 of dark streaks; "
        "seeds up to 2.5 mm, streaks up to 12 mm from an axis; tissue is −150 to 120 HU, in the target −30 to "
        "120 HU; by 40 HU, in the target 40 HU; 7 patches near seeds left as they are"
    )


@pytest.mark.parametrize(
    ("mode", "words"),
    [("off", "not looked for (streak override off)"), ("always", "looked for, nothing to replace")],
)
def test_nothing_replaced_says_why(mode: str, words: str) -> None:
    tissues = tissues_of("neck", None, None, "all", mode, None, None, None)
    assert dict(tissue_rows(settings(tissues)))["Seeds and streaks on the CT"] == words


CORRELATED = {
    "roulette outside the scoring region": {"survival": 1.0 / 3.0, "beyond_cm": 4.0},
    "copies of photons scattered where the phantom scatters more than water": {"most": 8},
    "correlated sampling against water": {
        "water_table_digest": "ab" * 32,
        "water_table_histories": 150_000_000,
        "trial_histories": 100_000,
    },
}


def test_techniques_that_made_the_dose() -> None:
    rows = dict(technique_rows(settings(techniques=CORRELATED)))
    assert next(iter(rows)) == "Variance reduction"
    assert rows["Variance reduction"].startswith("correlated sampling: photons are sampled in water")
    assert rows["Known dose in water"] == "table of one seed, 150\u202f000\u202f000 histories"
    assert rows["Water-table digest"] == "ab" * 32
    assert rows["Share taken away"] == "from rays and a trial of 100\u202f000 histories"
    assert rows["Copies of photons"].startswith("up to 8 of one")
    assert rows["Roulette"].startswith("1 photon of 3 goes on beyond 4 cm")
    assert technique_rows(settings(techniques={})) == [
        ("Variance reduction", "none: plain transport in the patient")
    ]


def test_a_technique_that_the_text_does_not_know_is_told_as_it_is() -> None:
    known = "roulette outside the scoring region"
    rows = dict(technique_rows({"techniques": {"splitting": {"most_cm": 2}, known: {"gone": True}}}))
    assert rows == {
        "Splitting": "most / cm: 2",
        "Roulette outside the scoring region": "gone: yes",
    }


def test_water_and_files_of_before_say_nothing() -> None:
    assert tissue_rows({"media_mode": "water"}) == []
    assert physics_rows({"media_mode": "water"}) == []
    assert technique_rows({"media_mode": "water"}) == []
    old = {"hounsfield_curve": "neck", "seed_artefact_voxels_overridden": 12}
    assert tissue_rows(old) == [
        ("CT numbers to tissues", "neck"),
        ("Seeds and streaks on the CT", "12 CT voxels replaced by tissue"),
    ]


def test_the_report_shows_no_json(comparison: Comparison) -> None:
    data = comparison.data.copy()
    record = settings(
        analogue=False, spectra_of=[], variance_reduction="correlated", techniques=CORRELATED, voxel_cm=0.1
    )
    data.attrs["monte_carlo_settings"] = json.dumps(record)
    rows = settings_notes(Comparison(data)) + run_facts(Comparison(data))
    assert not [row for row in rows if any(sign in row[1] for sign in '{}[]"')]
    assert dict(rows)["Monte Carlo: analogue transport"] == "no"
    assert dict(rows)["Monte Carlo: voxel size / cm"] == "0.1"
    assert dict(rows)["Water-table digest"] == "ab" * 32
    assert dict(rows)["Coherent scattering"] == "with atomic form factors"
    assert len([what for what, _ in rows if what == "Media by CT number"]) == 1


def test_facts_of_a_dicom_case_are_in_words(comparison: Comparison) -> None:
    data = comparison.data.copy()
    provenance = {"ct_description": "Neck", "ct_series_uid": "1.2", "plan_uid": "1.3", "plan_label": "PRE"}
    data.attrs["case_provenance"] = json.dumps(provenance)
    data.attrs["tg43_settings"] = json.dumps({"half_life_d": 59.4, "voxel_cm": 0.1})
    data.attrs["monte_carlo_settings"] = json.dumps({"seed_count": 8, "run_seed": 1})
    found = Comparison(data)
    whats = [what for what, _ in case_facts(found)]
    assert whats[-4:] == ["CT description", "CT series UID", "Plan UID", "Plan label"]
    told = [what for what, _ in run_facts(found)]
    assert "TG-43: voxel size / cm" in told
    assert "Monte Carlo: number that starts the random numbers" in told
    # Strength, half-life and number of seeds stand with the case.
    assert not [what for what in told if "half life" in what or "seed count" in what]
    assert subtitle(found) == "8 seeds of model 6711, 0.600 U each; 120 Gy prescribed to GTV"


def test_a_negative_number_has_a_minus_sign_and_a_doi_its_hyphen() -> None:
    curve = "1.018 + 0.893e-3 HU (doi:10.1088/0031-9155/45/2/314), from air to -98 HU"
    ((_, text),) = tissue_rows({"hounsfield_curve": curve})
    assert text == curve.replace("-98", "−98")


def test_plain_values() -> None:
    assert [plain(v) for v in (True, None, "", [1, 2], "x", 3)] == ["yes", "none", "none", "[1, 2]", "x", "3"]
