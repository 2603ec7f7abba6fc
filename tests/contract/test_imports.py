"""The import rules of pyproject.toml hold what they promise."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import grimp
import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("mcsim", "tg43", "validation")

KERNELS_MAY_IMPORT = {"numpy", "numba"}
# The module that wraps numba also decides where compiled kernels are kept.
WRAPPER_MAY_IMPORT = {"mcsim.kernels._jit": {"platformdirs"}}


def test_kernels_import_numpy_and_numba_only() -> None:
    graph = grimp.build_graph("mcsim", include_external_packages=True, cache_dir=None)
    kernels = {"mcsim.kernels", *graph.find_descendants("mcsim.kernels")}
    for kernel in sorted(kernels):
        outside = graph.find_modules_directly_imported_by(kernel) - kernels
        foreign = {name for name in outside if name.split(".")[0] not in sys.stdlib_module_names}
        foreign -= KERNELS_MAY_IMPORT | WRAPPER_MAY_IMPORT.get(kernel, set())
        assert not foreign, f"{kernel} imports {sorted(foreign)}"


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("mcsim/planted.py", "import tg43.invalid_input", "The engines share nothing"),
        ("tg43/planted.py", "from mcsim import invalid_input", "The engines share nothing"),
        ("mcsim/planted.py", "from validation import case", "Imports flow from the case to the engines"),
        ("tg43/planted.py", "import pydicom", "The engines know arrays"),
        ("mcsim/kernels/planted.py", "from mcsim import hdf5_file", "Kernels import nothing of the rest"),
        ("validation/report/planted.py", "import tg43.invalid_input", "The report reads the comparison"),
        ("validation/case/planted.py", "import validation.studies", "Within validation"),
        ("validation/case/planted.py", "def late():\n    import validation.report", "Within validation"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, module: str, statement: str, contract: str) -> None:
    for name in PACKAGES:
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=lambda _, names: other_than_python(names))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    (tmp_path / module).write_text(statement + "\n")
    lint = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / "lint-imports", "--no-logo", "--no-cache"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        # The copy, not the installed packages.
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        check=False,
    )
    assert lint.returncode == 1, lint.stdout + lint.stderr
    broken = [line for line in lint.stdout.splitlines() if "BROKEN" in line]
    assert any(line.startswith(contract) for line in broken), lint.stdout
    assert "planted" in lint.stdout


def other_than_python(names: list[str]) -> list[str]:
    return [name for name in names if "." in name and not name.endswith(".py")]
