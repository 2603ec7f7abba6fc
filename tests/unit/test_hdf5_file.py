"""Files appear whole under their name, or not at all."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mcsim.hdf5_file import create, open_checked
from mcsim.invalid_input import InvalidInput


def write(path: Path, value: int = 1, version: str = "1.0") -> None:
    with create(path, "example", version, {"note": "x"}) as file:
        file["value"] = value


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", 3)
    with open_checked(tmp_path / "a.h5", "example", 1) as file:
        assert file["value"][()] == 3
        assert file.attrs["note"] == "x"
        assert str(file.attrs["created_by"]).startswith("seedmc")


def test_a_failure_while_writing_leaves_the_earlier_file(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", 3)

    def fail() -> None:
        with create(tmp_path / "a.h5", "example", "1.0", {}) as file:
            file["value"] = 4
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]
    with open_checked(tmp_path / "a.h5", "example", 1) as file:
        assert file["value"][()] == 3


def test_leftovers_of_killed_processes_are_removed_and_others_stay(tmp_path: Path) -> None:
    host = socket.gethostname()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for name in (
        f".a.h5.{host}.{dead.pid}.1.part",
        f".a.h5.{host}.{os.getpid()}.1.part",
        ".a.h5.elsewhere.1.1.part",
    ):
        (tmp_path / name).write_text("unfinished")
    write(tmp_path / "a.h5")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [".a.h5.elsewhere.1.1.part", f".a.h5.{host}.{os.getpid()}.1.part", "a.h5"]
    )


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_file_is_refused_in_one_sentence(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "a.h5"
    write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep if keep >= 1 else keep * len(whole))])
    with pytest.raises(InvalidInput, match=r"a\.h5"), open_checked(path, "example", 1):
        pass


def test_another_type_or_major_version_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", version="2.0")
    with (
        pytest.raises(InvalidInput, match=r"format_version of .* is 2\.0"),
        open_checked(tmp_path / "a.h5", "example", 1),
    ):
        pass
    with (
        pytest.raises(InvalidInput, match=r"filetype of .* is 'example'"),
        open_checked(tmp_path / "a.h5", "other", 2),
    ):
        pass
    with pytest.raises(InvalidInput, match="existing"), open_checked(tmp_path / "b.h5", "example", 1):
        pass
