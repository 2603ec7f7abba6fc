"""The draws behind displaced seeds, how they become places and directions, and their rejection on overlap."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.seed_overlap import seed_frame
from validation.case import Implant
from validation.change.displacement import DisplacedSeeds, Displacement
from validation.change.random_streams import normals, uniforms
from validation.change.seed_bodies import seed_bodies

FloatArray = NDArray[np.float64]

MOST_ATTEMPTS = 200


class Purpose(IntEnum):
    """What random numbers are for: part of their key, so that factors do not share draws."""

    ISOTROPIC = 0
    SEED = 1
    NEEDLE = 2
    NEEDLE_TILT = 3
    TILT = 4
    LOSS = 5
    LATE = 6
    LATE_PLACE = 7
    CLUMPING = 8


_OF_SEED = (Purpose.ISOTROPIC, Purpose.SEED, Purpose.TILT)
_OF_NEEDLE = (Purpose.NEEDLE, Purpose.NEEDLE_TILT)


def draw(
    implant: Implant, displacement: Displacement, members: tuple[int, ...], study_seed: int
) -> DisplacedSeeds:
    """See `displaced_seeds`."""
    return _Draws(implant, displacement, members, study_seed).seeds()


class _Draws:
    """Standard normal numbers of every member, seed and purpose, and what they mean."""

    def __init__(
        self, implant: Implant, displacement: Displacement, members: tuple[int, ...], study_seed: int
    ) -> None:
        self.implant, self.displacement, self.members, self.study_seed = (
            implant,
            displacement,
            members,
            study_seed,
        )
        self.n = len(implant)
        self.bodies = seed_bodies(implant)
        self.frames = np.array([seed_frame(axis) for axis in implant.axes])  # rows: across, across, along
        self.slots, self.needle_frames, self.needle_middles = _needles(implant)
        self.z: dict[Purpose, FloatArray] = {}
        for purpose in (*_OF_SEED, Purpose.LATE_PLACE):
            self.z[purpose] = normals(study_seed, purpose, members, self.n)
        for purpose in _OF_NEEDLE:
            self.z[purpose] = normals(study_seed, purpose, members, int(self.slots.max()) + 1)[:, self.slots]
        self.z[Purpose.CLUMPING] = normals(study_seed, Purpose.CLUMPING, members, 1)

    def seeds(self) -> DisplacedSeeds:
        """Places and fates of all members' seeds."""
        members, n = len(self.members), self.n
        lost = uniforms(self.study_seed, Purpose.LOSS, self.members, n)[..., 0]
        late = uniforms(self.study_seed, Purpose.LATE, self.members, n)
        present = lost >= self._of("loss_probability")[:, None]
        moves = late[..., 0] < self._of("late_probability")[:, None]
        time = np.where(moves, -self._of("late_mean_time_d")[:, None] * np.log(late[..., 1]), np.inf)
        redraws = np.zeros(members, dtype=np.int64)
        everything = np.arange(members)
        positions, axes = self.placed(everything)
        for row in _rows_in_question(self.bodies.reach, positions):
            redraws[row] += self._reject(int(row), positions, axes)

        leaves = np.isinf(self._of("late_sd"))
        late_positions = self._late(everything, positions, moves)
        for row in np.flatnonzero(moves.any(axis=1) & ~leaves):
            redraws[row] += self._reject_late(int(row), positions, axes, late_positions, moves)
        return DisplacedSeeds(
            self.members, positions, axes, present, time, late_positions,
            present & ~(moves & leaves[:, None]), redraws,
        )  # fmt: skip

    def _of(self, name: str) -> FloatArray:
        return self.displacement.of_members(name, len(self.members))

    def placed(self, rows: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        """Positions (rows, n, 3), cm, and axes (rows, n, 3) from the draws as they are."""
        of = {
            name: self._of(name)[rows][:, None]
            for name in ("isotropic_sd", "along_mean", "along_sd", "across_sd", "needle_along_sd", "needle_across_sd",
                         "needle_tilt_sd", "tilt_sd", "clumping", "clumping_sd")
        }  # fmt: skip
        planned = self.implant.positions
        offset = np.zeros((len(rows), self.n, 3))
        axes = np.broadcast_to(self.implant.axes, offset.shape).copy()
        if of["needle_tilt_sd"].any():
            tilt = of["needle_tilt_sd"][..., None] * self.z[Purpose.NEEDLE_TILT][rows][..., :2]
            vector = np.einsum("mik,ikj->mij", tilt, self.needle_frames[:, :2])
            arm = np.broadcast_to(planned - self.needle_middles, offset.shape)
            offset += _rotated(arm, vector) - arm
            axes = _rotated(axes, vector)
        if of["tilt_sd"].any():
            tilt = of["tilt_sd"][..., None] * self.z[Purpose.TILT][rows][..., :2]
            axes = _rotated(axes, np.einsum("mik,ikj->mij", tilt, self.frames[:, :2]))
        for purpose, frames, mean, along, across in (
            (Purpose.NEEDLE, self.needle_frames, 0.0, of["needle_along_sd"], of["needle_across_sd"]),
            (Purpose.SEED, self.frames, of["along_mean"], of["along_sd"], of["across_sd"]),
        ):
            z = self.z[purpose][rows]
            parts = np.stack([across * z[..., 1], across * z[..., 2], mean + along * z[..., 0]], axis=-1)
            offset += np.einsum("mik,ikj->mij", parts, frames)
        offset += of["isotropic_sd"][..., None] * self.z[Purpose.ISOTROPIC][rows][..., :3]
        positions = planned + offset
        closer = of["clumping"] + of["clumping_sd"] * self.z[Purpose.CLUMPING][rows][:, :, 0]
        return positions - closer[..., None] * (positions - planned.mean(axis=0)), axes

    def _late(self, rows: NDArray[np.intp], positions: FloatArray, moves: NDArray[np.bool_]) -> FloatArray:
        sd = np.where(np.isinf(self._of("late_sd")), 0.0, self._of("late_sd"))[rows]
        shift = sd[:, None, None] * self.z[Purpose.LATE_PLACE][rows][..., :3]
        return np.asarray(positions[rows] + np.where(moves[rows][..., None], shift, 0.0))

    def _reject(self, row: int, positions: FloatArray, axes: FloatArray) -> int:
        """Draw seeds of one member again until no bodies overlap; return how often."""
        seed_varies = any(self._of(k)[row] > 0 for k in ("isotropic_sd", "along_sd", "across_sd", "tilt_sd"))
        needle_varies = any(
            self._of(k)[row] > 0 for k in ("needle_along_sd", "needle_across_sd", "needle_tilt_sd")
        )
        attempts = 0
        while pairs := self.bodies.pairs(positions[row], axes[row]):
            attempts += 1
            if attempts > MOST_ATTEMPTS or not (seed_varies or needle_varies):
                raise InvalidInput(self._refusal(row, pairs, attempts - 1))
            seed = max(pairs[0])
            if seed_varies:
                self._again(row, _OF_SEED, seed, np.array([seed]), attempts)
            else:
                slot = int(self.slots[seed])
                self._again(row, _OF_NEEDLE, slot, np.flatnonzero(self.slots == slot), attempts)
            positions[row : row + 1], axes[row : row + 1] = self.placed(np.array([row]))
        return attempts

    def _again(
        self, row: int, purposes: tuple[Purpose, ...], index: int, seeds: NDArray[np.intp], attempt: int
    ) -> None:
        for purpose in purposes:
            again = normals(self.study_seed, purpose, [self.members[row]], index + 1, attempt)
            self.z[purpose][row, seeds] = again[0, index]

    def _reject_late(
        self, row: int, positions: FloatArray, axes: FloatArray, late: FloatArray, moves: NDArray[np.bool_]
    ) -> int:
        attempts = 0
        while pairs := self.bodies.pairs(late[row], axes[row]):
            attempts += 1
            if attempts > MOST_ATTEMPTS:
                raise InvalidInput(self._refusal(row, pairs, attempts - 1))
            # At their first places they do not overlap: one of the two moved.
            seed = max(i for i in pairs[0] if moves[row, i])
            self._again(row, (Purpose.LATE_PLACE,), seed, np.array([seed]), attempts)
            late[row] = self._late(np.array([row]), positions, moves)[0]
        return attempts

    def _refusal(self, row: int, pairs: list[tuple[int, int]], attempts: int) -> str:
        i, j = pairs[0]
        return (
            f"overlap of seeds {i + 1} and {j + 1} of member {self.members[row]} remains after {attempts} redraws, "
            f"expected none (seed bodies are rigid; {len(pairs)} pair(s) overlap). Let seeds clump "
            f"less, displace them more independently, or correct the plan."
        )


def _needles(implant: Implant) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Needle slot (n,), frame (n, 3, 3) and middle (n, 3) of every seed; one whose needle is not known is its own."""
    names, slots = np.unique(implant.needles, return_inverse=True)
    slots = np.where(implant.needles < 0, len(names) + np.arange(len(implant)), slots).astype(np.int64)
    frames, middles = np.empty((len(implant), 3, 3)), np.empty((len(implant), 3))
    for slot in np.unique(slots):
        own = np.flatnonzero(slots == slot)
        axes = implant.axes[own]
        along = (axes * np.where(axes @ axes[0] < 0.0, -1.0, 1.0)[:, None]).mean(axis=0)
        frames[own] = seed_frame(along / np.linalg.norm(along))
        middles[own] = implant.positions[own].mean(axis=0)
    return slots, frames, middles


def _rotated(vectors: FloatArray, rotation: FloatArray) -> FloatArray:
    """Rotate vectors (..., 3) about rotation vectors (..., 3), rad, by Rodrigues' formula."""
    angle = np.linalg.norm(rotation, axis=-1, keepdims=True)
    unit = rotation / np.where(angle > 0.0, angle, 1.0)
    along = np.sum(unit * vectors, axis=-1, keepdims=True) * unit
    turned = along + np.cos(angle) * (vectors - along) + np.sin(angle) * np.cross(unit, vectors)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    now = np.linalg.norm(turned, axis=-1, keepdims=True)
    return np.asarray(turned * length / np.where(now > 0.0, now, 1.0))


def _rows_in_question(reach: float, positions: FloatArray) -> NDArray[np.intp]:
    """Members in which two seeds are close enough for their bodies to overlap."""
    close = np.zeros(len(positions), dtype=bool)
    for j in range(1, positions.shape[1]):
        square = np.sum((positions[:, :j] - positions[:, j : j + 1]) ** 2, axis=-1)
        close |= (square <= reach**2).any(axis=1)
    return np.flatnonzero(close)
