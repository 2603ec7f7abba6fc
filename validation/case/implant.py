"""The seeds of a permanent implant, and whether their bodies fit beside each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mcsim.invalid_input import InvalidInput
from validation.case.image import read_only
from validation.case.plain_text import is_plain

# Outer size shared by the common I-125 seeds (6711: 4.5 mm x 0.8 mm, welded round ends), TG-43U1, Table II,
# DOI 10.1118/1.1646040. The body is taken as a capsule: a cylinder with hemispherical ends.
SEED_LENGTH = 0.45
SEED_DIAMETER = 0.08
# Seeds of a strand touch end to end. Their positions come as text or float32; 1 µm is above that rounding.
_TOUCHING = 1e-4


def segment_distance(
    centre_a: NDArray[np.float64],
    axis_a: NDArray[np.float64],
    centre_b: NDArray[np.float64],
    axis_b: NDArray[np.float64],
    half_length: float,
) -> NDArray[np.float64]:
    """Shortest distance between pairs of equally long straight segments.

    Minimises |a + s u - b - t v| over |s|, |t| <= h. The squared distance is convex in (s, t), so its minimum
    over the square is the free minimum if that lies inside, else the best of the four sides, each a
    projection that is clipped.

    Parameters
    ----------
    centre_a, centre_b : ndarray, shape (n, 3)
        Segment centres in cm.
    axis_a, axis_b : ndarray, shape (n, 3)
        Unit directions.
    half_length : float
        Half the length h in cm.

    Returns
    -------
    ndarray, shape (n,)
        Distances in cm.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0, 0.0]])
    >>> segment_distance(0 * x, x, 3 * x, x, 1.0)
    array([1.])
    """
    between = centre_a - centre_b
    cosine = np.einsum("ij,ij->i", axis_a, axis_b)
    along_a = np.einsum("ij,ij->i", axis_a, between)
    along_b = np.einsum("ij,ij->i", axis_b, between)
    h = half_length
    sine2 = 1.0 - cosine**2
    oblique = sine2 > 1e-12  # parallel segments have no single free minimum; their sides hold one
    divisor = np.where(oblique, sine2, 1.0)
    s = np.where(oblique, (cosine * along_b - along_a) / divisor, 0.0)
    t = np.where(oblique, (along_b - cosine * along_a) / divisor, 0.0)
    inside = oblique & (np.abs(s) <= h) & (np.abs(t) <= h)
    candidates = [(np.where(inside, s, h), np.where(inside, t, np.clip(cosine * h + along_b, -h, h)))]
    for end in (-h, h):
        full = np.full(len(between), end)
        candidates.append((full, np.clip(cosine * end + along_b, -h, h)))
        candidates.append((np.clip(cosine * end - along_a, -h, h), full))
    distances = [
        np.linalg.norm(between + s[:, None] * axis_a - t[:, None] * axis_b, axis=1) for s, t in candidates
    ]
    return np.asarray(np.min(distances, axis=0))


def overlapping_seeds(
    positions: NDArray[np.float64], axes: NDArray[np.float64]
) -> list[tuple[int, int, float]]:
    """Pairs of seed bodies that penetrate each other.

    Parameters
    ----------
    positions : ndarray, shape (n, 3)
        Seed centres in cm.
    axes : ndarray, shape (n, 3)
        Unit directions.

    Returns
    -------
    list of (int, int, float)
        Seed indices and the depth in cm, deepest first. Touching is not overlapping.

    Examples
    --------
    >>> z = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    >>> overlapping_seeds(np.array([[0, 0, 0], [0, 0, 0.45]]), z)
    []
    >>> [(i, j) for i, j, _ in overlapping_seeds(np.array([[0, 0, 0], [0.03, 0, 0.0]]), z)]
    [(0, 1)]
    """
    pairs = cKDTree(positions).query_pairs(SEED_LENGTH, output_type="ndarray")
    if not len(pairs):
        return []
    a, b = pairs.T
    straight = (SEED_LENGTH - SEED_DIAMETER) / 2
    depth = SEED_DIAMETER - segment_distance(positions[a], axes[a], positions[b], axes[b], straight)
    deep = np.flatnonzero(depth > _TOUCHING)
    found = [(int(a[k]), int(b[k]), float(depth[k])) for k in deep]
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

    Raises
    ------
    InvalidInput
        No seed, shapes disagree, values are not finite, an axis is not a unit vector, a strength or the
        half-life is not positive, or two seed bodies overlap.

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

    def __post_init__(self) -> None:
        for name in ("positions", "axes", "air_kerma_strengths"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))
        object.__setattr__(self, "needles", read_only(self.needles, np.int64))
        object.__setattr__(self, "half_life_d", float(self.half_life_d))
        if not is_plain(self.model):
            raise InvalidInput(
                f"seed model is {self.model!r}, expected a name of letters, digits and spaces."
            )
        n = len(self.positions)
        if n == 0:
            raise InvalidInput("the implant has 0 seeds, expected at least 1. Give a plan with seeds.")
        shapes = {"positions": (n, 3), "axes": (n, 3), "air_kerma_strengths": (n,), "needles": (n,)}
        for name, shape in shapes.items():
            found = getattr(self, name).shape
            if found != shape:
                raise InvalidInput(f"seed {name} have shape {found}, expected {shape} for {n} seeds.")
        self._check_values()
        overlapping = overlapping_seeds(self.positions, self.axes)
        if overlapping:
            i, j, depth = overlapping[0]
            raise InvalidInput(
                f"seeds {i + 1} and {j + 1} overlap by {10 * depth:.2f} mm, expected bodies of "
                f"{10 * SEED_LENGTH:g} mm x {10 * SEED_DIAMETER:g} mm beside each other ({len(overlapping)} "
                f"pair(s) overlap; their centres are "
                f"{10 * np.linalg.norm(self.positions[i] - self.positions[j]):.2f} mm apart). Correct the "
                f"positions or remove the seed that was entered twice."
            )

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

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def total_air_kerma_strength(self) -> float:
        """Sum over the seeds in U."""
        return float(self.air_kerma_strengths.sum())
