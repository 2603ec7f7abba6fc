"""The same settings give the same bits: threads, interruptions, parts in any order, moved seeds."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import h5py
import numpy as np
import pytest

from mcsim.invalid_input import InvalidInput
from mcsim.kernels._jit import allocating_jit
from mcsim.kernels.replay import replayed_photon, turn
from mcsim.kernels.rng import STREAM_IMPLANT, start_stream
from mcsim.result import Result, merge
from mcsim.result_file import read_result, write_result
from mcsim.simulation_file import run_to_file
from mcsim.simulation_settings import StoppingRule

SUMS = ("group_total", "balance")


def assert_same_bits(a: Result, b: Result) -> None:
    for name in SUMS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    for mine, other in zip(a.all_sums(), b.all_sums(), strict=True):
        np.testing.assert_array_equal(mine.total, other.total)
        np.testing.assert_array_equal(mine.square_high, other.square_high)
        np.testing.assert_array_equal(mine.square_low, other.square_low)
    assert a.batches == b.batches
    assert a.settings_digest == b.settings_digest
    np.testing.assert_array_equal(a.dose(), b.dose())
    np.testing.assert_array_equal(a.dose_std_dev(), b.dose_std_dev())


@pytest.fixture(scope="module")
def whole(small_run) -> Result:
    return small_run().run(StoppingRule(batches=(0, 12)))


def test_threads_do_not_change_a_bit(small_run, whole: Result) -> None:
    assert (whole.sums.total[0] > 0).all()
    assert_same_bits(small_run(threads=2).run(StoppingRule(batches=(0, 12))), whole)
    assert_same_bits(small_run(threads=3).run(StoppingRule(batches=(0, 12))), whole)


def test_other_random_seeds_and_settings_do_change_the_result(small_run, whole: Result) -> None:
    for changes in ({"run_seed": 2}, {"seeds": "superposition"}, {"productive_histories_per_batch": 903}):
        other = small_run(**changes).run(StoppingRule(batches=(0, 12)))
        assert other.settings_digest != whole.settings_digest
        assert np.any(other.sums.total != whole.sums.total)
    positions = np.array([[-0.25, 0.0, 0.0], [0.25, 0.05, 0.1], [0.0, 0.4, -0.2]])
    assert small_run(positions=positions).digest() != whole.settings_digest


class Interrupted(KeyboardInterrupt):
    pass


@pytest.mark.parametrize(("stops", "threads"), [((3,), 1), ((1, 2, 7), 2), ((11,), 2)])
def test_interrupted_runs_end_with_the_same_bits(
    small_run, whole: Result, tmp_path: Path, stops: tuple[int, ...], threads: int
) -> None:
    path = tmp_path / "dose.h5"
    checkpoint = tmp_path / "dose.h5.checkpoint"
    seen: list[int] = []
    for stop in stops:

        def interrupt(progress, stop: int = stop) -> None:
            seen.append(progress.batches)
            if progress.batches > stop:
                raise Interrupted

        with pytest.raises(Interrupted):
            run_to_file(
                small_run(threads=threads),
                StoppingRule(batches=(0, 12)),
                path,
                on_progress=interrupt,
                checkpoint_s=0.0,
            )
        assert not path.exists()
        partial, _ = read_result(checkpoint)
        assert partial.batches == [(0, stop)]
    assert seen.count(1) == 1  # resumed, not started again
    final = run_to_file(
        small_run(threads=threads), StoppingRule(batches=(0, 12)), path, "abc", checkpoint_s=0.0
    )
    assert_same_bits(final, whole)
    stored, case_digest = read_result(path)
    assert_same_bits(stored, whole)
    assert case_digest == "abc"
    assert [p.name for p in tmp_path.iterdir()] == ["dose.h5"]


def test_a_finished_file_is_continued_when_more_is_asked_for(
    small_run, whole: Result, tmp_path: Path
) -> None:
    path = tmp_path / "dose.h5"
    run_to_file(small_run(), StoppingRule(batches=(0, 5)), path)
    before = path.read_bytes()
    run_to_file(small_run(), StoppingRule(batches=(0, 5)), path)
    assert path.read_bytes() == before
    assert_same_bits(run_to_file(small_run(), StoppingRule(batches=(0, 12)), path), whole)


def test_a_file_of_other_settings_is_not_continued(small_run, tmp_path: Path) -> None:
    path = tmp_path / "dose.h5"
    run_to_file(small_run(), StoppingRule(batches=(0, 2)), path)
    before = path.read_bytes()
    with pytest.raises(InvalidInput, match=r"settings digest of .* is [0-9a-f]{16}, expected [0-9a-f]{16}"):
        run_to_file(small_run(run_seed=2), StoppingRule(batches=(0, 4)), path)
    assert path.read_bytes() == before
    with pytest.raises(
        InvalidInput, match=r"batches of the earlier result are \[\(0, 2\)\], expected to begin at 3"
    ):
        small_run().run(StoppingRule(batches=(3, 5)), read_result(path)[0])


def test_parts_in_any_order_merge_to_the_same_bits(small_run, whole: Result, tmp_path: Path) -> None:
    parts = []
    for k, batches in enumerate([(0, 1), (1, 4), (4, 9), (9, 12)]):
        write_result(tmp_path / f"{k}.h5", small_run().run(StoppingRule(batches=batches)))
        parts.append(read_result(tmp_path / f"{k}.h5")[0])
    for order in permutations(range(4)):
        assert_same_bits(merge([parts[k] for k in order]), whole)
    halves = merge([merge([parts[3], parts[1]]), merge([parts[2], parts[0]])])
    assert_same_bits(halves, whole)
    assert merge(parts).run_facts["cpu_time_s"] == pytest.approx(
        sum(p.run_facts["cpu_time_s"] for p in parts)
    )
    assert parts[1].batches == [(1, 4)]  # merging leaves the parts as they were
    with_gap = merge([parts[3], parts[0]])
    assert with_gap.batches == [(0, 1), (9, 12)]
    assert with_gap.batch_count == 4


def test_parts_that_do_not_belong_together_are_refused(small_run, whole: Result) -> None:
    part = small_run().run(StoppingRule(batches=(3, 6)))
    with pytest.raises(InvalidInput, match=r"batches 3 to 5 are present twice, expected disjoint parts"):
        merge([whole, part])
    other = small_run(run_seed=2).run(StoppingRule(batches=(12, 13)))
    with pytest.raises(InvalidInput, match=r"settings digest of part 1 is .* Merge parts of the same case"):
        merge([whole, other])
    with pytest.raises(InvalidInput, match=r"number of parts to merge is 0"):
        merge([])


def test_stopping_on_uncertainty_is_reproducible(small_run, tmp_path: Path) -> None:
    rule = StoppingRule(uncertainty=0.11)
    one = small_run().run(rule)
    assert 20 <= one.batch_count < 400
    assert one.mean_relative_uncertainty(small_run().target_weight) <= 0.11
    earlier = small_run().run(StoppingRule(batches=(0, one.batch_count - 1)))
    if one.batch_count > 20:
        assert earlier.mean_relative_uncertainty(small_run().target_weight) > 0.11
    assert_same_bits(small_run(threads=2).run(rule), one)
    assert_same_bits(small_run(threads=2).run(rule, earlier), one)


def test_stopping_on_histories_counts_emitted_photons(small_run) -> None:
    run = small_run()
    per_batch = 3 * run.scale.histories_per_batch_and_seed
    result = run.run(StoppingRule(histories=round(4.5 * per_batch)))
    assert result.batch_count == 5
    assert result.histories == round(5 * per_batch)
    # 900 productive histories a batch, about 45 % of all
    assert per_batch == pytest.approx(900 / run.phase_space.productive_share, rel=1e-12)


@allocating_jit
def emitted(emission, run_seed, seed_index, count):
    state = np.empty(2, np.uint64)
    values = np.empty((count, 7))
    for h in range(count):
        start_stream(state, run_seed, STREAM_IMPLANT, seed_index, h)
        cosine, sine, sign = turn(emission, state)
        values[h] = np.array(
            replayed_photon(emission, emission.first_photon[seed_index * count + h], cosine, sine, sign)
        )
    return values


def test_what_a_seed_emits_depends_on_nothing_but_itself(small_run) -> None:
    emission = small_run().phase_space.emission()
    first, second = emitted(emission, 1, 0, 200), emitted(emission, 1, 1, 200)
    np.testing.assert_array_equal(emitted(emission, 1, 0, 200), first)
    assert not np.any(first[:, 0] == second[:, 0])
    np.testing.assert_allclose(np.linalg.norm(first[:, 3:6], axis=1), 1.0, rtol=1e-12)


def test_moving_one_seed_leaves_the_histories_of_the_others(small_run) -> None:
    # Without interseed effects the other seeds' contributions cancel in the difference of two runs: it is that of the
    # moved seed alone, and its noise too. Independent runs differ everywhere by their noise.
    moved = np.array([[-0.25, 0.0, 0.0], [0.25, 0.05, 0.1], [0.0, 0.42, -0.1]])
    rule = StoppingRule(batches=(0, 6))
    here = small_run(seeds="superposition").run(rule).dose()
    there = small_run(positions=moved, seeds="superposition").run(rule).dose()
    other = small_run(seeds="superposition", run_seed=9).run(rule).dose()
    beside_first = (slice(2, 4), slice(3, 9), slice(3, 9))
    here, there, other = (dose[beside_first] for dose in (here, there, other))
    assert np.all(here > 0.0)
    assert np.std(there / here) < 0.3 * np.std(other / here)


def test_result_files_that_are_not_whole_are_refused(whole: Result, tmp_path: Path) -> None:
    path = tmp_path / "dose.h5"
    write_result(path, whole)
    assert_same_bits(read_result(path)[0], whole)
    content = path.read_bytes()

    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(
        InvalidInput, match=r"is not readable as HDF5, expected a complete seedmc-monte-carlo file"
    ):
        read_result(path)
    path.write_bytes(b"not HDF5 at all")
    with pytest.raises(InvalidInput, match=r"is not readable as HDF5"):
        read_result(path)
    with pytest.raises(InvalidInput, match=r"expected an existing seedmc-monte-carlo file"):
        read_result(tmp_path / "nothing.h5")

    for attribute, value, message in (
        ("filetype", "seedmc-case", r"filetype of .* is 'seedmc-case', expected 'seedmc-monte-carlo'"),
        ("format_version", "2.0", r"format_version of .* is 2.0, expected 1.x"),
    ):
        path.write_bytes(content)
        with h5py.File(path, "a") as file:
            file.attrs[attribute] = value
        with pytest.raises(InvalidInput, match=message):
            read_result(path)

    path.write_bytes(content)
    with h5py.File(path, "a") as file:
        file.attrs["format_version"] = "1.7"  # a later minor version of the same layout
        del file["square_low"]
    with pytest.raises(InvalidInput, match=r"is incomplete, expected a complete seedmc-monte-carlo file"):
        read_result(path)


def test_a_sum_that_wrapped_around_is_not_written(whole: Result, tmp_path: Path) -> None:
    sums = whole.sums.copy()
    sums.total[0, 1, 2, 3] = -(2**62)
    with pytest.raises(OverflowError, match="sum of 1 tallies"):
        write_result(tmp_path / "dose.h5", replace(whole, sums=sums))
    assert list(tmp_path.iterdir()) == []


def test_nothing_appears_under_the_final_name_when_writing_fails(whole: Result, tmp_path: Path) -> None:
    broken = replace(whole, medium=None)
    with pytest.raises((TypeError, AttributeError)):
        write_result(tmp_path / "dose.h5", broken)
    assert list(tmp_path.iterdir()) == []
