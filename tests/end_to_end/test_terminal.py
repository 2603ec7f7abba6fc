"""The program at a terminal: help with examples, completion, progress, pipes, interruption, start-up time."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from importlib.resources import files
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mcsim.hounsfield import DEFAULT_CURVE, PACKAGED_CURVES
from mcsim.materials import material_library
from mcsim.physics_settings import DEFAULT_PHYSICS
from validation.case import built_in
from validation.case.built_in_cases import NAMES
from validation.case.case_source import CaseChoice, read_case
from validation.cli import app
from validation.commands import completion
from validation.commands.examples import every_example
from validation.commands.physics_options import DEFAULT_CUT_OFF_KEV
from validation.commands.tissue_options import DEFAULT_CURVE_NAME
from validation.studies.export_case import FORMATS

COMMAND = [sys.executable, "-m", "validation.cli"]
EXAMPLES = every_example(app)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def seedmc(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "80", **more}
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
    )


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("case") / "case.h5"
    built_in("neck").write(path)
    return path


# ---- help and examples


@pytest.mark.parametrize("words", EXAMPLES, ids=" ".join)
def test_every_command_ends_its_help_with_examples_that_fit(words: tuple[str, ...]) -> None:
    assert 1 <= len(EXAMPLES[words]) <= 3
    run = CliRunner().invoke(app, [*words[1:], "--help"], env={"COLUMNS": "80"})
    assert run.exit_code == 0
    assert not CONTROL.search(run.output)
    assert max(map(len, run.output.splitlines())) <= 80
    told = run.output.split("Examples:\n")[1]
    assert [" ".join(line.split()) for line in told.replace("\\\n", "").strip().splitlines()] == list(
        EXAMPLES[words]
    )


def test_groups_and_the_program_have_examples_too() -> None:
    for words in ([], ["case"], ["study"], ["cohort"]):
        told = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80"}).output
        assert told.split("Examples:\n")[1].strip().startswith("seedmc")
        assert "..." not in told.split("Commands:")[1].split("Examples:")[0]  # every summary is whole


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_every_example_is_a_command_line_that_parses(line: str) -> None:
    group = typer.main.get_command(app)
    words = shlex.split(line)[1:]
    while hasattr(group, "commands"):
        group = group.commands[words.pop(0)]
    context = group.make_context("seedmc", words)
    assert "PATIENT" not in line
    assert context.params


# ---- completion


def completed(shell: str, line: str) -> list[str]:
    """What a shell offers for a line."""
    # words as a shell divides them; the last one, perhaps empty, is completed
    number = len(line.split(" ")) - 1
    environment = {
        "_SEEDMC_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "COMP_CWORD": str(number),
        "_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }  # fmt: skip
    run = CliRunner().invoke(app, [], env=environment, prog_name="seedmc")
    assert run.stderr == ""
    text = run.stdout
    if shell == "zsh":
        return re.findall(r'^(?:_arguments .*\(\()?"([^"]+)"', text, re.MULTILINE)
    return [entry.split("\t")[0] for entry in text.splitlines() if entry]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_choices(shell: str) -> None:
    assert {"simulate"} == {word.split(":")[0] for word in completed(shell, "seedmc sim")}
    assert completed(shell, "seedmc run neck --media wa") == ["water_body", "water"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("seedmc run ne", ["neck"]),
        ("seedmc characterise 67", ["6702", "6711"]),
        ("seedmc inspect --seed IAI", ["IAI-125A"]),
        ("seedmc run neck --seed-model CS", ["CS-1"]),
        ("seedmc simulate c.h5 --hounsfield-curve sch", ["schneider2000"]),
        ("seedmc simulate c.h5 --spectrum i125", ["i125_ncrp58", "i125_tg43u1"]),
        ("seedmc simulate c.h5 --variance-reduction n", ["none"]),
        ("seedmc export neck --format rtd", ["rtdose"]),
        ("seedmc plan CASE --target P", ["PTV"]),
        ("seedmc plan CASE --avoid SPI", ["SPINAL_CORD"]),
        ("seedmc simulate CASE --medium-of MAN", ["MANDIBLE="]),
        ("seedmc simulate CASE --medium-of MANDIBLE=cort", ["MANDIBLE=cortical_bone"]),
        ("seedmc validate --only inter", ["interactions"]),
        ("seedmc plan missing.h5 --target P", []),
    ],
)
def test_names_complete(
    line: str, expected: list[str], case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert completed("fish", line.replace("CASE", str(case))) == expected


def test_a_name_does_not_hide_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "neck.h5").touch()
    (tmp_path / "necklace").mkdir()
    (tmp_path / "other").touch()
    monkeypatch.chdir(tmp_path)
    assert completion.case_or_file("ne") == ["neck", "neck.h5", "necklace/"]
    assert completion.case_or_file("") == ["neck", "neck.h5", "necklace/", "other"]
    assert completion.case_or_file("ot") == []  # the shell's own completion of files


def test_written_out_names_are_those_of_the_engines() -> None:
    assert completion.BUILT_IN_CASES == NAMES
    assert completion.CURVES == PACKAGED_CURVES
    assert set(completion.SPECTRA) == {
        path.name.removesuffix(".json")
        for path in files("mcsim.data.spectra").iterdir()
        if path.name.endswith(".json")
    }
    assert completion.EXPORT_FORMATS == FORMATS
    assert DEFAULT_CURVE.name == DEFAULT_CURVE_NAME
    assert DEFAULT_PHYSICS.cut_off_kev == DEFAULT_CUT_OFF_KEV
    assert "muscle" in material_library()


# ---- progress


QUICK = ["--voxel", "4", "--histories", "300000", "--threads", "1"]


def at_terminal(*arguments: object, columns: int = 80) -> tuple[int, str]:
    """Exit code and what a terminal of so many columns gets."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("COLUMNS", None)
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdin=follower, stdout=follower, stderr=follower, env=environment
    )
    os.close(follower)
    parts = []
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(leader)
    return process.wait(timeout=60), b"".join(parts).decode()


def test_progress_in_a_pipe_is_plain_lines_on_standard_error(case: Path, tmp_path: Path) -> None:
    run = seedmc("simulate", case, "--out", tmp_path / "a.h5", *QUICK)
    assert run.returncode == 0, run.stderr
    assert not CONTROL.search(run.stdout + run.stderr)
    assert re.search(r"^Monte Carlo: \d+(\.\d+)? [kM] histories", run.stderr, re.MULTILINE)
    assert run.stdout.splitlines() == [
        line for line in run.stdout.splitlines() if line.startswith("Monte Carlo: ")
    ]
    assert str(tmp_path / "a.h5") in run.stdout
    quiet = seedmc("simulate", case, "--out", tmp_path / "b.h5", *QUICK, "--quiet")
    assert (quiet.returncode, quiet.stderr) == (0, "")


def test_progress_at_a_terminal_is_one_line_with_rate_uncertainty_and_time_left(
    case: Path, tmp_path: Path
) -> None:
    code, text = at_terminal(
        "simulate", case, "--out", tmp_path / "a.h5", *QUICK[:2], "--histories", "2000000"
    )
    assert code == 0, text
    seen = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    assert re.search(r"[\d.]+ [kM] histories, [\d.]+ [kM]/s, ±\d+\.\d\d % in target, \d+ s left", seen)
    assert max(len(line) for line in re.split(r"[\r\n]", seen)) <= 80 + len(str(tmp_path))
    # nothing of the live line stays: what is left on the screen is the result
    assert seen.rstrip().splitlines()[-1].startswith("Monte Carlo: ")


def test_a_seed_without_solids_is_refused_before_anything_is_compiled(case: Path, tmp_path: Path) -> None:
    seed = tmp_path / "seeds.csv"  # a TG-43 table, but no solids
    seed.write_text(
        "x_cm,y_cm,z_cm,axis_x,axis_y,axis_z,air_kerma_strength_U,model\n3.5,0.5,0,0,0,1,0.5,3500\n",
        encoding="utf-8",
    )
    choice = CaseChoice(seed_list=seed)
    read_case(case, choice).write(tmp_path / "c.h5")
    # an empty cache: nothing is compiled
    run = seedmc(
        "simulate", tmp_path / "c.h5", "--out", tmp_path / "m.h5", SEEDMC_CACHE_DIR=str(tmp_path / "cache")
    )
    assert run.returncode == 2
    assert "compiling" not in run.stderr + run.stdout
    assert len(run.stderr.strip().splitlines()) == 1


@pytest.mark.slow  # half a minute of compiling
def test_the_first_run_tells_and_times_the_compiler(case: Path, tmp_path: Path) -> None:
    run = seedmc(
        "simulate", case, "--out", tmp_path / "a.h5", *QUICK, SEEDMC_CACHE_DIR=str(tmp_path / "cache")
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    lines = run.stderr.splitlines()
    told = next(k for k, line in enumerate(lines) if "compiling" in line and "about half a minute" in line)
    timed = [re.fullmatch(r"compiled in (\d+) s", line) for line in lines[told:]]
    assert sum(int(match[1]) for match in timed if match) >= 5
    again = seedmc(
        "simulate", case, "--out", tmp_path / "b.h5", *QUICK, SEEDMC_CACHE_DIR=str(tmp_path / "cache")
    )
    assert "compil" not in again.stderr


# ---- ends


def test_a_reader_that_stops_early_is_no_failure_to_talk_about(case: Path) -> None:
    command = f"{shlex.join(COMMAND)} inspect --materials | head -1"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (run.stdout.strip(), run.stderr) == ("Media", "")


def test_interrupted_at_a_terminal(case: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "simulate", str(case), "--out", str(tmp_path / "a.h5"), "--max-time", "600", "--checkpoint", "0.2"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for _ in range(600):
        time.sleep(0.1)
        if (tmp_path / "a.h5.checkpoint").exists():
            break
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert (
        said.strip().splitlines()[-1]
        == "seedmc: interrupted; the same command goes on from the last checkpoint"
    )
    assert "Traceback" not in said
    assert (tmp_path / "a.h5.checkpoint").exists()


def test_version_and_debug(tmp_path: Path) -> None:
    version = seedmc("--version")
    assert (version.returncode, version.stdout.split()[0]) == (0, "seedmc")
    refused = seedmc("inspect", tmp_path / "nothing")
    assert (refused.returncode, len(refused.stderr.strip().splitlines())) == (2, 1)
    assert "Traceback" in seedmc("--debug", "inspect", tmp_path / "nothing").stderr


def test_help_loads_no_engine() -> None:
    loaded = "[m for m in ('numpy', 'numba', 'h5py', 'rich.progress') if m in sys.modules]"
    code = f"import sys, validation.cli; print({loaded})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "[]"
