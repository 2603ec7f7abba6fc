"""A seed that is lost leaves the histories of all others as they are: they belong to a seed's number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcsim import batch_transport
from mcsim.invalid_input import InvalidInput
from mcsim.simulation import Simulation
from mcsim.simulation_settings import StoppingRule
from validation.case import built_in
from validation.change import Displacement, displaced_seeds
from validation.studies.study_members import new_settings
from validation.studies.study_monte_carlo import MemberSimulations, engine_of
from validation.studies.study_voxels import study_voxels

LOST = 4


@pytest.fixture(scope="module")
def neck():
    return built_in("neck")


@pytest.fixture(scope="module")
def simulations(neck):
    settings = new_settings(
        neck, kind="displacement", sigma_mm=[2.0], voxel_mm=4.0, histories=4_000, tissue_histories=0,
        structures=("PTV",),
    )  # fmt: skip
    return MemberSimulations(neck, settings, study_voxels(neck, settings))


@pytest.fixture(scope="module")
def engine(neck, simulations):
    phantom = simulations._geometry(None, 1.0, 0.0).phantom

    def make(there: np.ndarray, **values: object) -> Simulation:
        settings = replace(
            simulations.options.engine_settings(),
            **{"per_seed": True, "productive_histories_per_batch": 2_200, **values},
        )
        implant = neck.implant
        some = replace(
            implant, positions=implant.positions[there], axes=implant.axes[there],
            air_kerma_strengths=implant.air_kerma_strengths[there], needles=implant.needles[there],
        )  # fmt: skip
        return engine_of(neck, phantom, some, settings, 1, None, there)

    return make


@pytest.fixture(scope="module")
def there(neck):
    present = np.ones(len(neck.implant), dtype=bool)
    present[LOST] = False
    return present


@pytest.mark.parametrize("seeds", ["superposition", "interseed"])
def test_the_others_emit_the_same_and_have_the_same_dose(neck, engine, there, seeds):
    every = np.ones_like(there)
    with_it, without = (engine(t, seeds=seeds, variance_reduction="none") for t in (every, there))
    emitted = [[t.balance[0] for t in e.transport.scored(3)] for e in (with_it, without)]
    assert emitted[1][LOST] == 0.0
    assert np.array_equal(np.array(emitted[0])[there], np.array(emitted[1])[there])
    rule = StoppingRule(batches=(0, 2))
    a, b = with_it.run(rule), without.run(rule)
    before, after = a.seed_dose(), b.seed_dose()
    assert not after[LOST].any()
    assert np.allclose(b.dose(), after.sum(axis=0), rtol=1e-9)
    same = before[there] == after[there]
    # A photon that crosses the voxel where the seed was goes on by other steps, to other last bits; where its body
    # absorbed photons, to other places. Nothing else may differ: with other histories no voxel is the same.
    place = [int(np.abs(c - p).argmin()) for c, p in zip(a.axes, neck.implant.positions[LOST], strict=True)]
    far = np.max(np.abs(np.stack(np.meshgrid(*map(np.arange, same.shape[1:]), indexing="ij"))
                        - np.array(place)[:, None, None, None]), axis=0) > 1  # fmt: skip
    assert same[:, far].mean() > (0.98 if seeds == "interseed" else 0.999)
    if seeds == "superposition":
        assert np.allclose(before[there][:, far], after[there][:, far], rtol=1e-9)


def test_a_lost_seed_is_not_followed(engine, there, monkeypatch) -> None:
    followed = []
    monkeypatch.setattr(
        batch_transport, "transport_batch", lambda emitters, *_: followed.append(emitters.tolist())
    )
    engine(there, per_seed=False, variance_reduction="none").transport.scored(0)
    assert followed == [[k for k in range(len(there)) if k != LOST]]


def test_dose_is_that_of_an_implant_without_it(neck, simulations, engine, there):
    """Where histories differ, as in a list that the seed is left out of, doses agree within their noise."""
    present = engine(there, per_seed=False).run(StoppingRule(batches=(0, 40)))
    implant = neck.implant
    left_out = Simulation(
        simulations._geometry(None, 1.0, 0.0).phantom, implant.engine_model, implant.positions[there],
        implant.axes[there], implant.air_kerma_strengths[there], implant.half_life_d,
        replace(simulations.options.engine_settings(), run_seed=10_000, productive_histories_per_batch=2_000),
    ).run(StoppingRule(batches=(0, 40)))  # fmt: skip
    assert present.settings["seed_count"] == 10
    assert present.histories == pytest.approx(left_out.histories, rel=1e-3)
    target = simulations.voxels.flat
    dose, other = (r.dose().ravel()[target].mean() for r in (present, left_out))
    # Noise of the mean over the target is some 0.3 % each; weights relative to another mean would be off by 9 %.
    assert dose == pytest.approx(other, rel=0.02)


def test_a_member_that_loses_a_seed_has_its_other_histories(neck, simulations):
    """Dose falls by that of the lost seed alone: differences have no noise of other histories."""
    few = replace(simulations.settings, seeds="superposition")
    runs = MemberSimulations(neck, few, simulations.voxels)
    drawn = displaced_seeds(neck.implant, Displacement(loss_probability=0.15), range(20), 1)
    row = int(np.flatnonzero(drawn.present.sum(axis=1) == len(neck.implant) - 1)[0])
    lost = int(np.flatnonzero(~drawn.present[row])[0])
    assert np.array_equal(drawn.there(row), drawn.present[row])
    whole = runs.frozen(neck.implant, None, 0.0, 0)[0]
    fewer = runs.frozen(drawn.implant(row, neck.implant), None, 0.0, 0, drawn.there(row))[0]
    alone = np.arange(len(neck.implant)) == lost
    one = replace(
        neck.implant, positions=neck.implant.positions[alone], axes=neck.implant.axes[alone],
        air_kerma_strengths=neck.implant.air_kerma_strengths[alone], needles=neck.implant.needles[alone],
    )  # fmt: skip
    own = runs.frozen(one, None, 0.0, 0, alone)[0]
    # In superposition the three runs have the same histories; multiples of the control differ with the seeds, by less
    # than noise does: 0.3 % of the dose; other histories differ by 3 %.
    assert np.median(np.abs(whole - fewer - own) / whole) < 0.01


@pytest.mark.parametrize("present", [np.zeros(11, dtype=bool), np.ones(10, dtype=bool), np.arange(11)])
def test_seeds_that_cannot_be_present_are_refused(neck, simulations, present):
    phantom, implant = simulations._geometry(None, 1.0, 0.0).phantom, neck.implant
    with pytest.raises(InvalidInput, match=r"present is .*expected a truth value for each of 11 seeds"):
        Simulation(
            phantom, implant.engine_model, implant.positions, implant.axes, implant.air_kerma_strengths, 59.4,
            simulations.options.engine_settings(), present=present,
        )  # fmt: skip
