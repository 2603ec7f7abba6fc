"""The seeds of a permanent implant, and whether their bodies fit beside each other."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from validation.case.image import read_only
from validation.case.needle_table import NeedleTable
from validation.case.plain_text import is_plain, plain_text
from validation.case.seed_choice import (
    SeedChoice,
    known_seed,
    refuse_other_half_life,
    refuse_packaged_name,
    seed_for_engine,
)

# Nominal outer size of the common I-125 seeds, TG-43U1, Table II, DOI 10.1118/1.1646040: what planning needs and
# figures draw. Whether bodies overlap is asked of the model's own solid (a 6711 is 4.55 mm long with its welds).
SEED_LENGTH = 0.45
SEED_DIAMETER = 0.08
# No permanent seed is thinner (ThinSeed 9011: 0.51 mm): centres closer than this belong to a seed entered twice.
THINNEST_SEED = 0.05


def overlapping_seeds(
    model: str, positions: NDArray[np.float64], axes: NDArray[np.float64], seed_file: str = ""
) -> list[tuple[int, int, float]]:
    """Pairs of seed bodies that penetrate each other.

    The body is the model's own solid. A model that only TG-43 data know has none: then two seeds overlap if their
    centres are closer than any seed is thick.

    Parameters
    ----------
    model : str
        Seed model.
    positions : ndarray, shape (n, 3)
        Seed centres in cm.
    axes : ndarray, shape (n, 3)
        Unit directions.
    seed_file : str
        Content of the user's own seed file, if the model comes from one.

    Returns
    -------
    list of (int, int, float)
        Seed indices and the depth in cm, deepest first. Touching is not overlapping.

    Examples
    --------
    >>> z = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    >>> overlapping_seeds("6711", np.array([[0, 0, 0], [0, 0, 0.455]]), z)
    []
    >>> [(i, j) for i, j, _ in overlapping_seeds("6711", np.array([[0, 0, 0], [0, 0, 0.45]]), z)]
    [(0, 1)]
    """
    body = known_seed(SeedChoice(model, seed_file))
    if body is not None:
        from mcsim.seed_overlap import overlapping_seeds as overlapping_bodies

        return overlapping_bodies(body, positions, axes)
    pairs = sorted(scipy.spatial.cKDTree(positions).query_pairs(THINNEST_SEED))
    depth = [THINNEST_SEED - float(np.linalg.norm(positions[i] - positions[j])) for i, j in pairs]
    found = [(int(i), int(j), d) for (i, j), d in zip(pairs, depth, strict=True)]
    return sorted(found, key=lambda pair: (-pair[2], pair[0], pair[1]))


def _first(bad: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(bad)[0])


@dataclass(frozen=True, eq=False)
class Implant:
    """Permanent seeds of one model.

    Parameters
    ----------
    model : str
        Seed model, for example ``"6711"``.
    positions : array_like, shape (n, 3)
        Centres of the seeds in cm, patient frame LPS.
    axes : array_like, shape (n, 3)
        Unit directions of the long axes.
    air_kerma_strengths : array_like, shape (n,)
        U = cGy cm^2/h at the time of implantation.
    half_life_d : float
        Days.
    needles : array_like of int, shape (n,)
        Needle each seed belongs to, -1 if unknown.
    seed_file : str
        Content of the user's own seed file (JSON), whose name `model` is; empty for a packaged model.
    needle_table : NeedleTable
        Entry and tip of the needles of a plan; empty if unknown. It decides no dose.

    Raises
    ------
    InvalidInput
        No seed, shapes disagree, values are not finite, an axis is not a unit vector, a strength or the
        half-life is not positive, the half-life is not that of the model, or two seed bodies overlap by more
        than round-off.

    Examples
    --------
    >>> Implant("6711", [[0, 0, 0]], [[0, 0, 1]], [0.635], 59.4, [0]).total_air_kerma_strength
    0.635
    """

    model: str
    positions: NDArray[np.float64]
    axes: NDArray[np.float64]
    air_kerma_strengths: NDArray[np.float64]
    half_life_d: float
    needles: NDArray[np.int64]
    seed_file: str = ""
    needle_table: NeedleTable = field(default_factory=NeedleTable)

    def __post_init__(self) -> None:
        for name in ("positions", "axes", "air_kerma_strengths"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))
        object.__setattr__(self, "needles", read_only(self.needles, np.int64))
        object.__setattr__(self, "half_life_d", float(self.half_life_d))
        if not is_plain(self.model):
            raise InvalidInput(
                f"seed model is {self.model!r}, expected letters, digits, spaces and _ - + . (a name, not a path). "
                f"Rename it, for example to {plain_text(self.model, 'seed')!r}; give a seed file with --seed-model."
            )
        if self.seed_file:
            refuse_packaged_name(self.model)
        n = len(self.positions)
        if n == 0:
            raise InvalidInput("the implant has 0 seeds, expected at least 1. Give a plan with seeds.")
        shapes = {"positions": (n, 3), "axes": (n, 3), "air_kerma_strengths": (n,), "needles": (n,)}
        for name, shape in shapes.items():
            found = getattr(self, name).shape
            if found != shape:
                raise InvalidInput(f"seed {name} have shape {found}, expected {shape} for {n} seeds.")
        self._check_values()
        overlapping = overlapping_seeds(self.model, self.positions, self.axes, self.seed_file)
        if overlapping:
            i, j, depth = overlapping[0]
            raise InvalidInput(
                f"seeds {i + 1} and {j + 1} overlap by {10 * depth:.2f} mm, expected {self._body_in_words()} beside "
                f"each other ({len(overlapping)} pair(s) overlap; their centres are "
                f"{10 * np.linalg.norm(self.positions[i] - self.positions[j]):.2f} mm apart). Correct the "
                f"positions or remove the seed that was entered twice."
            )

    def _body_in_words(self) -> str:
        body = known_seed(self.seed_choice)
        if body is None:
            return f"centres of seeds at least {10 * THINNEST_SEED:g} mm apart, bodies"
        length = 10 * float(
            np.ptp([z for s in body.solids if s.name == body.outer for z in (s.z_min, s.z_max)])
        )
        return f"bodies of {length:.3g} mm x {20 * body.radius:.3g} mm ({body.name})"

    def _check_values(self) -> None:
        for name, unit in (("positions", "cm"), ("axes", ""), ("air_kerma_strengths", "U")):
            values = getattr(self, name)
            bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
            if bad.any():
                first = _first(bad)
                raise InvalidInput(
                    f"{name} of seed {first + 1} is {values[first].tolist()} {unit}".rstrip()
                    + f", expected finite values ({int(bad.sum())} seed(s) are not). Correct the seed."
                )
        length = np.linalg.norm(self.axes, axis=1)
        bad = np.abs(length - 1.0) > 1e-6
        if bad.any():
            first = _first(bad)
            raise InvalidInput(
                f"axis of seed {first + 1} has length {length[first]:g}, expected 1 ({int(bad.sum())} "
                f"seed(s) differ). Normalise the axes."
            )
        bad = self.air_kerma_strengths <= 0
        if bad.any():
            first = _first(bad)
            raise InvalidInput(
                f"air_kerma_strength of seed {first + 1} is {self.air_kerma_strengths[first]:g} U, expected "
                f"> 0 ({int(bad.sum())} seed(s) are not). Give the calibrated strength at the time of "
                f"implantation."
            )
        if not (np.isfinite(self.half_life_d) and self.half_life_d > 0):
            raise InvalidInput(
                f"half_life_d is {self.half_life_d:g} d, expected > 0 (59.4 d for I-125). Give the half-life."
            )
        refuse_other_half_life(self.seed_choice, self.half_life_d)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def seed_choice(self) -> SeedChoice:
        """The seed model with the content of its file."""
        return SeedChoice(self.model, self.seed_file)

    @property
    def engine_model(self) -> str:
        """What `mcsim.seed_model.load_seed_model` takes for these seeds, on any machine.

        Raises
        ------
        InvalidInput
            Only the model's name is known and no packaged seed has it.
        """
        return seed_for_engine(self.seed_choice)

    @property
    def total_air_kerma_strength(self) -> float:
        """Sum over the seeds in U."""
        return float(self.air_kerma_strengths.sum())
