"""Compilation of numeric loops with numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile a function of numbers and arrays; it releases the interpreter lock while it runs.

    Division by zero follows IEEE 754, as in numpy. No fastmath: sums keep their order.
    """
    return cast(Function, numba.njit(nogil=True, cache=True, error_model="numpy")(function))
