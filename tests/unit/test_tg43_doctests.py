"""The examples in the docstrings of tg43 run and give what they print."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import tg43
from tg43 import fast_kernel

MODULES = sorted(module.name for module in pkgutil.iter_modules(tg43.__path__, "tg43."))


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    outcome = doctest.testmod(module)
    assert outcome.failed == 0


def test_examples_of_compiled_functions_are_found() -> None:
    examples = doctest.DocTestFinder(exclude_empty=True).find(fast_kernel)
    assert {test.name for test in examples if test.examples} >= {"tg43.fast_kernel.arctangent"}


@pytest.mark.parametrize(
    "name", sorted(set(tg43.__all__) - {"I125_HALF_LIFE", "InvalidInput", "EnsembleMoments", "VoxelDoseRate"})
)
def test_public_names_are_documented_with_an_example(name: str) -> None:
    assert ">>>" in (getattr(tg43, name).__doc__ or "")
