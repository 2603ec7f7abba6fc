"""The needles of a plan: where each enters the skin and where its tip ends."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case.image import read_only


def _no_numbers() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


def _no_places() -> NDArray[np.float64]:
    return np.zeros((0, 3))


@dataclass(frozen=True, eq=False)
class NeedleTable:
    """Straight needles.

    Parameters
    ----------
    numbers : array_like of int, shape (k,)
        Number of each needle, as the seeds of an implant give it; ascending.
    entries, tips : array_like, shape (k, 3)
        Where the needle enters the skin, and where its tip ends, in cm, patient frame LPS.

    Raises
    ------
    InvalidInput
        Shapes differ, values are not finite, numbers are not ascending, or entry and tip are one point.

    Examples
    --------
    >>> table = NeedleTable([1], [[0, 0, 0]], [[0, 0, 4]])
    >>> table.depths.tolist(), table.directions.tolist()
    ([4.0], [[0.0, 0.0, 1.0]])
    >>> len(NeedleTable())
    0
    """

    numbers: NDArray[np.int64] = field(default_factory=_no_numbers)
    entries: NDArray[np.float64] = field(default_factory=_no_places)
    tips: NDArray[np.float64] = field(default_factory=_no_places)

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", read_only(self.numbers, np.int64))
        for name in ("entries", "tips"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))
            found, expected = getattr(self, name).shape, (len(self.numbers), 3)
            if found != expected:
                raise InvalidInput(
                    f"needle {name} have shape {found}, expected {expected} (one place per needle)."
                )
            if not np.isfinite(getattr(self, name)).all():
                raise InvalidInput(
                    f"needle {name} are not all finite, expected places in cm. Correct the table."
                )
        if (np.diff(self.numbers) <= 0).any():
            raise InvalidInput(
                f"needle numbers are {self.numbers.tolist()}, expected ascending numbers (each needle once). Sort them."
            )
        if (self.depths <= 0).any():
            first = int(np.flatnonzero(self.depths <= 0)[0])
            raise InvalidInput(
                f"depth of needle {self.numbers[first]} is 0 cm, expected > 0 (entry and tip are two points). Correct "
                f"the table."
            )

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def depths(self) -> NDArray[np.float64]:
        """Distance from entry to tip in cm, shape (k,)."""
        return np.asarray(np.linalg.norm(self.tips - self.entries, axis=1))

    @property
    def directions(self) -> NDArray[np.float64]:
        """Unit directions from entry to tip, shape (k, 3)."""
        return np.asarray((self.tips - self.entries) / self.depths[:, None])
