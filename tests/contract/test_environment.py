"""pyproject.toml, the lock files, environment.yml and the citation tell one story."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import Environment, default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
RUN_LOCK = REPOSITORY / "requirements.lock"
DEV_LOCK = REPOSITORY / "requirements-dev.lock"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())

SUPPORTED = [(python, machine) for python in ("3.11", "3.12", "3.13") for machine in ("x86_64", "aarch64")]


def build_and_run_requirements() -> list[Requirement]:
    listed = PROJECT["build-system"]["requires"] + PROJECT["project"]["dependencies"]
    return [Requirement(text) for text in listed]


def development_requirements() -> list[Requirement]:
    return [Requirement(text) for text in PROJECT["project"]["optional-dependencies"]["dev"]]


def locked_requirements(lock: Path) -> list[Requirement]:
    lines = lock.read_text().replace("\\\n", " ").splitlines()
    entries = [line.split("--hash")[0].strip() for line in lines if line and not line.startswith("#")]
    return [Requirement(entry) for entry in entries]


def pins(lock: Path, python: str, machine: str) -> dict[str, str]:
    """Version of every package that the lock installs on Linux with one Python on one machine."""
    environment: Environment = default_environment() | {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "platform_machine": machine,
        "platform_system": "Linux",
        "sys_platform": "linux",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    found: dict[str, str] = {}
    for requirement in locked_requirements(lock):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            name = canonicalize_name(requirement.name)
            assert name not in found, f"{name} is pinned twice for Python {python} on {machine}"
            (specifier,) = requirement.specifier
            assert specifier.operator == "=="
            found[name] = specifier.version
    return found


@pytest.mark.parametrize(("python", "machine"), SUPPORTED)
@pytest.mark.parametrize("lock", [RUN_LOCK, DEV_LOCK], ids=lambda lock: lock.name)
def test_lock_satisfies_the_project(lock: Path, python: str, machine: str) -> None:
    wanted = build_and_run_requirements() + (development_requirements() if lock == DEV_LOCK else [])
    pinned = pins(lock, python, machine)
    for requirement in wanted:
        version = pinned.get(canonicalize_name(requirement.name), "missing")
        assert version != "missing", f"{requirement.name} is not in {lock.name}. Run make lock."
        assert requirement.specifier.contains(version), (
            f"{requirement.name} is locked at {version}, expected {requirement.specifier}. Run make lock."
        )


@pytest.mark.parametrize(("python", "machine"), SUPPORTED)
def test_development_adds_to_run_time_and_changes_nothing(python: str, machine: str) -> None:
    assert pins(RUN_LOCK, python, machine).items() <= pins(DEV_LOCK, python, machine).items()


def test_results_do_not_depend_on_the_python_version() -> None:
    first, *others = (pins(RUN_LOCK, python, "x86_64") for python in ("3.11", "3.12", "3.13"))
    for pinned in others:
        for name in ("numpy", "scipy", "numba", "llvmlite", "h5py"):
            assert pinned[name] == first[name]


@pytest.mark.parametrize("lock", [RUN_LOCK, DEV_LOCK], ids=lambda lock: lock.name)
def test_lock_holds_pins_and_hashes_only(lock: Path) -> None:
    pin = re.compile(r"[a-z0-9][a-z0-9._-]*==[^\s@/]+( ; [^\\/@]+)? \\")
    digest = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
    for number, line in enumerate(lock.read_text().splitlines(), start=1):
        allowed = line.startswith("#") or pin.fullmatch(line) or digest.fullmatch(line)
        assert allowed, f"{lock.name}:{number} is {line!r}, expected a pin or a hash. Run make lock."


def conda_specifiers(name: str) -> dict[str, SpecifierSet]:
    environment = yaml.safe_load((REPOSITORY / name).read_text())
    requirements = []
    for entry in environment["dependencies"]:
        # A mapping lists what pip installs after conda: packages that no conda channel is known to have.
        texts = entry["pip"] if isinstance(entry, dict) else [entry]
        requirements += [Requirement(text) for text in texts]
    return {canonicalize_name(item.name): item.specifier for item in requirements}


def test_conda_environment_lists_what_pyproject_lists() -> None:
    listed = conda_specifiers("environment.yml")
    python = listed.pop("python")
    listed.pop("pip")  # installs the project itself
    assert python == SpecifierSet(PROJECT["project"]["requires-python"])
    wanted = build_and_run_requirements() + development_requirements()
    # Every one of these packages has the same name there as in pyproject.toml.
    assert listed == {canonicalize_name(item.name): item.specifier for item in wanted}


def test_conda_environment_comes_from_named_channels() -> None:
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    assert environment["channels"] == ["conda-forge", "bioconda", "nodefaults"]


def test_citation_names_this_version() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["project"]["version"]
    assert citation["license"] == PROJECT["project"]["license"]


def test_changelog_tells_what_changes_doses_in_this_version() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text()
    releases = re.findall(r"^## (\S+)", changelog, re.MULTILINE)
    assert PROJECT["project"]["version"] in releases
    for release in re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]:
        assert "### Dose results" in release, f"{release.split()[0]} has no heading 'Dose results'"


def test_hooks_use_the_development_environment() -> None:
    configuration = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in configuration["repos"]] == ["local"]
    locked = pins(DEV_LOCK, "3.11", "x86_64")
    for hook in configuration["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        command = hook["entry"].split()[0]
        assert {"lint-imports": "import-linter"}.get(command, command) in locked
