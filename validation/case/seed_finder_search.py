"""Where on a CT rods are tried, and how many: the brightest unexplained place first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray

from validation.case.image import Image
from validation.case.seed_finder_calibration import (
    LEAST_EXCESS,
    LEAST_SIGMA,
    MOST_EXCESS,
    MOST_SIGMA,
    calibrated,
)
from validation.case.seed_finder_fit import (
    LEAST_ENERGY,
    ROBUST_SCALE,
    Pose,
    Rod,
    Voxels,
    best_rod,
    explains,
    judged,
    mirrored,
    refined,
    robust_cost,
)
from validation.case.seed_finder_image import SeedImage
from validation.case.seed_finder_patches import bright_starts, surroundings
from validation.case.seed_finder_slices import THICK, averaged, lifted

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

_CONNECTED = np.ones((3, 3, 3), dtype=bool)
# Beside air the surroundings of a seed are tissue all the same, HU.
_LEAST_BACKGROUND = -150.0
_LEAST_LEVEL = 120.0  # HU: vessels with contrast medium, not yet the faintest seed in slices of 5 mm
_LEAST_TOP = 1500.0  # HU: no scale ends below
_MARGIN = 0.6  # cm of image kept around the search region
# A bright place that no seed explains is left alone to this distance, cm.
_EXHAUSTED = 0.12
# A patch of this many seeds' mass is cut at a higher level: bone, a filling.
_MOST_IN_PATCH = 12
# How a seed looks is learnt anew from rods that agree so well, so many at most, until it changes no more.
_LEARN_FROM, _LEARNERS, _PASSES = 0.85, 12, 3
# Other looks to start from, (HU, cm), where fewer than this share of the seeds there are was found, or too many.
_OTHER_LOOKS, _FEW = ((18000.0, 0.05), (18000.0, 0.09), (40000.0, 0.05)), 0.6
_SETTLED, _BLUR = 0.1, 0.1  # change of the logarithm of the excess; cm of blur that count as much as one
_BETTER = 0.95  # share of the cost that another place has to come down to
_SPLIT_BELOW = 0.9  # agreement; a rod that agrees worse may be two
_TOGETHER = 0.7  # cm: seeds nearer than this are refined together,
_MOST_TOGETHER = 5  # so many at most


@dataclass(eq=False)
class Search:
    """The search on one CT.

    Attributes
    ----------
    image : Image
        The part of the CT around the search region.
    allowed : ndarray of bool
        Search region.
    excess, ceiling : ndarray
        CT number above the surroundings, and where the scale ends above them, HU.
    seen : SeedImage
        How a seed looks.
    most : int
        Seeds that one bright patch may hold.
    wanted : int, optional
        Seeds there are.
    poses : list
        Centre and direction of every seed so far.
    """

    image: Image
    allowed: Mask
    excess: FloatArray
    ceiling: FloatArray
    seen: SeedImage
    most: int
    wanted: int | None
    poses: list[Pose] = field(default_factory=list)
    _shown: dict[int, tuple[Pose, tuple[NDArray[np.intp], ...], FloatArray]] = field(default_factory=dict)

    @classmethod
    def of(cls, image: Image, allowed: Mask, wanted: int | None, length: float) -> Search:
        """Prepare: crop, take the surroundings off, learn how a seed looks."""
        box = scipy.ndimage.find_objects(allowed.astype(np.int8))[0]
        margin = [int(np.ceil(_MARGIN / d)) for d in image.spacing]
        wide = tuple(
            slice(max(0, s.start - m), min(n, s.stop + m))
            for s, m, n in zip(box, margin, allowed.shape, strict=True)
        )
        part = Image(image.hu[wide], image.x[wide[0]], image.y[wide[1]], image.z[wide[2]])
        hu, inside = np.asarray(part.hu, dtype=np.float64), allowed[wide]
        background = np.maximum(surroundings(hu, part.spacing), _LEAST_BACKGROUND)
        excess, ceiling = hu - background, max(float(hu[inside].max()), _LEAST_TOP) - background
        seen = calibrated(part, excess, ceiling, inside, wanted, length)
        return cls(part, inside, excess, ceiling, seen, max(_MOST_IN_PATCH, wanted or 0), wanted)

    @property
    def level(self) -> float:
        """Excess from which a voxel may be that of a seed: half the least peak, above noise and streaks, HU."""
        half = 0.5 * min(self.seen.least_peak(), float(np.median(self.ceiling[self.allowed])))
        # 1.48 median absolute deviations: the standard deviation of what is no seed, three of them.
        return max(half, _LEAST_LEVEL, 3 * 1.48 * float(np.median(np.abs(self.excess[self.allowed]))))

    def run(self) -> list[Rod]:
        """Find rods; from another idea of how a seed looks where the first finds too few."""
        learnt = self.seen
        best = self._from(learnt)
        poses, seen = self.poses, self.seen
        for excess, sigma in _OTHER_LOOKS:
            if self._quality(best) >= _FEW * (self.wanted or 1):
                break
            rods = self._from(replace(learnt, excess=excess, sigma_in_plane=sigma, sigma_along_z=sigma))
            if self._quality(rods) > self._quality(best):
                best, poses, seen = rods, self.poses, self.seen
        self.poses, self.seen = poses, seen
        return best

    def _quality(self, rods: list[Rod]) -> float:
        """How many seeds rods make up: the sum of what each is like; too many tell of a wrong idea of a seed."""
        good = [r.score for r in rods if r.agreement > _LEARN_FROM]
        return sum(good) - 2.0 * max(0, len(good) - (self.wanted or len(good)))

    def _from(self, seen: SeedImage) -> list[Rod]:
        """Find rods, learn from them how a seed looks, and find them again if that changed."""
        self.seen = seen
        rods: list[Rod] = []
        for _ in range(_PASSES):
            self.poses, self._shown = [], {}
            rods = self._pass()
            good = [r for r in rods if r.agreement > _LEARN_FROM and 0.5 < r.energy < 2.0]
            if not good:
                break
            seen = self._learnt(good)
            change = (
                abs(np.log(seen.excess / self.seen.excess))
                + float(np.abs(seen.sigmas - self.seen.sigmas).max()) / _BLUR
            )
            if change < _SETTLED:
                break
            self.seen = seen
        return rods

    def _learnt(self, rods: list[Rod]) -> SeedImage:
        """Excess and blur that fit all good rods together, their places kept."""
        chosen = sorted(rods, key=lambda r: -r.score)[:_LEARNERS]
        around = [self._around([r.position])[0] for r in chosen]
        poses = [
            [p for p in self.poses if (np.abs(p[0] - r.position) < 2 * self.seen.reach).all()] for r in chosen
        ]

        def misfit(values: FloatArray) -> FloatArray:
            amount, in_plane, along_z = np.exp(values)
            seen = replace(self.seen, excess=amount, sigma_in_plane=in_plane, sigma_along_z=along_z)
            parts = []
            for voxels, group in zip(around, poses, strict=True):
                shown = seen.excess_of(voxels.points, [p for p, _ in group], [u for _, u in group])
                parts.append(np.minimum(shown, voxels.ceiling) - voxels.excess)
            return np.concatenate(parts)

        start = np.log([self.seen.excess, self.seen.sigma_in_plane, self.seen.sigma_along_z])
        least, most = (LEAST_EXCESS, LEAST_SIGMA, LEAST_SIGMA), (MOST_EXCESS, MOST_SIGMA, MOST_SIGMA)
        low, high = np.log(least), np.log(most)
        fitted = scipy.optimize.least_squares(
            misfit, np.clip(start, low + 1e-6, high - 1e-6), bounds=(low, high), loss="soft_l1",
            f_scale=ROBUST_SCALE, max_nfev=15, ftol=1e-3, xtol=1e-3, diff_step=[0.01] * 3,
        )  # fmt: skip
        amount, in_plane, along_z = (float(v) for v in np.exp(fitted.x))
        return replace(self.seen, excess=amount, sigma_in_plane=in_plane, sigma_along_z=along_z)

    def _pass(self) -> list[Rod]:
        """Find rods until nothing bright is left that one explains."""
        starts = bright_starts(
            self.excess, self.level, self.seen, self.most, float(np.median(self.ceiling[self.allowed]))
        )
        open_ = starts & scipy.ndimage.binary_dilation(self.allowed, _CONNECTED)
        axes = (self.image.x, self.image.y, self.image.z)
        while open_.any():
            linear = self._linear()
            residual = self.excess - np.minimum(linear, self.ceiling)
            smooth = scipy.ndimage.uniform_filter(residual, (3, 3, 1))
            smooth[~open_ | (residual < self.level)] = -np.inf
            index = np.unravel_index(int(np.argmax(smooth)), smooth.shape)
            if not np.isfinite(smooth[index]):
                break
            top = np.array([c[i] for c, i in zip(axes, index, strict=True)])
            if not self._add(top, linear):
                self._close(open_, top)
        self._place_again()
        while self._take_out_needless():
            self._place_again()
        if self.seen.spacing[2] > THICK:
            moved = [self._lift(k) for k in range(len(self.poses))]
            if any(moved):
                self._place_again()
        split = [k for k in range(len(self.poses)) if self._split(k)]
        if split:
            self._place_again()
        rods = [self._judge(k) for k in range(len(self.poses))]
        return [replace(rod, patch=share) for rod, share in zip(rods, self._explained(rods), strict=True)]

    def _add(self, top: FloatArray, linear: FloatArray) -> bool:
        voxels, where = self._around([top])
        beside = linear[where]
        pose = best_rod(voxels, self.seen, beside, top)
        if pose is None:
            return False
        voxels, where = self._around([pose[0]])
        own = self.seen.excess * self.seen.filled(voxels.points, *pose)
        if not explains(voxels, linear[where], own):
            return False
        self.poses = self._settled([*self.poses, pose], len(self.poses))
        return True

    def _settled(self, poses: list[Pose], changed: int) -> list[Pose]:
        """Refine a seed together with its neighbours."""
        distance = np.array([np.linalg.norm(p - poses[changed][0]) for p, _ in poses])
        group = [int(k) for k in np.argsort(distance)[:_MOST_TOGETHER] if distance[k] < _TOGETHER]
        voxels, _ = self._around([poses[k][0] for k in group])
        beside = self._beside(voxels, [pose for k, pose in enumerate(poses) if k not in group])
        moved = refined(voxels, self.seen, [poses[k] for k in group], beside)
        result = list(poses)
        for k, pose in zip(group, moved, strict=True):
            result[k] = pose
        return result

    def _place_again(self) -> None:
        """Take each seed of a cluster out and search its place anew: the first were found without the later."""
        for k in range(len(self.poses)):
            position, axis = self.poses[k]
            others = [pose for i, pose in enumerate(self.poses) if i != k]
            if not any(np.linalg.norm(p - position) < _TOGETHER for p, _ in others):
                continue
            voxels, _ = self._around([position])
            beside = self._beside(voxels, others)
            own = self.seen.excess * self.seen.filled(voxels.points, position, axis)
            before = float(robust_cost(np.minimum(beside + own, voxels.ceiling) - voxels.excess))
            found = best_rod(voxels, self.seen, beside, position)
            if found is None or (np.linalg.norm(found[0] - position) < 0.05 and abs(found[1] @ axis) > 0.95):
                continue
            own = self.seen.excess * self.seen.filled(voxels.points, *found)
            after = float(robust_cost(np.minimum(beside + own, voxels.ceiling) - voxels.excess))
            if after < _BETTER * before:
                self.poses = self._settled([*self.poses[:k], found, *self.poses[k + 1 :]], k)

    def _lift(self, k: int) -> bool:
        """Another height or tilt of a seed where it fits better: the way there may be level between thick slices."""
        voxels, _ = self._around([self.poses[k][0]])
        beside = self._beside(voxels, [p for i, p in enumerate(self.poses) if i != k])
        centres, directions, costs = lifted(voxels, self.seen, self.poses[k], beside)
        best = int(np.argmin(costs))
        if costs[best] > _BETTER * costs[0]:
            return False
        self.poses = self._settled(
            [*self.poses[:k], (centres[best], directions[best]), *self.poses[k + 1 :]], k
        )
        return True

    def _take_out_needless(self) -> bool:
        """Remove the rod that later ones made needless, if there is one."""
        energies = []
        for k, pose in enumerate(self.poses):
            voxels, _ = self._around([pose[0]])
            beside = self._beside(voxels, [p for i, p in enumerate(self.poses) if i != k])
            energies.append(judged(voxels, self.seen, pose, beside).energy)
        if not energies or min(energies) >= LEAST_ENERGY:
            return False
        gone = self.poses.pop(int(np.argmin(energies)))
        near = [k for k, pose in enumerate(self.poses) if np.linalg.norm(pose[0] - gone[0]) < _TOGETHER]
        for k in near:
            self.poses = self._settled(self.poses, k)
        return True

    def _split(self, k: int) -> bool:
        """Two rods in place of one that agrees badly, where they explain a seed's worth more: crossed seeds."""
        position, axis = self.poses[k]
        voxels, _ = self._around([position])
        beside = self._beside(voxels, [p for i, p in enumerate(self.poses) if i != k])
        if judged(voxels, self.seen, self.poses[k], beside).agreement > _SPLIT_BELOW:
            return False

        def cost(poses: list[Pose]) -> float:
            own = sum(self.seen.excess * self.seen.filled(voxels.points, *pose) for pose in poses)
            return float(robust_cost(np.minimum(beside + own, voxels.ceiling) - voxels.excess))

        alone = self.seen.excess * self.seen.filled(voxels.points, position, axis)
        worth = LEAST_ENERGY * float(robust_cost(np.minimum(alone, voxels.ceiling)))
        best, least = None, cost([self.poses[k]]) - worth
        for way in np.eye(3):
            for turned in np.eye(3):
                start = [(position + 0.12 * way, turned), (position - 0.12 * way, axis)]
                pair = refined(voxels, self.seen, start, beside, 12)
                if (after := cost(pair)) < least:
                    best, least = pair, after
        if best is None:
            return False
        self.poses[k] = best[0]
        self.poses.append(best[1])
        self.poses = self._settled(self.poses, k)
        return True

    def _judge(self, k: int) -> Rod:
        voxels, _ = self._around([self.poses[k][0]])
        beside = self._beside(voxels, [p for i, p in enumerate(self.poses) if i != k])
        rod = judged(voxels, self.seen, self.poses[k], beside)
        rod = mirrored(voxels, self.seen, rod, beside)
        return averaged(voxels, self.seen, rod, beside) if self.seen.spacing[2] > THICK else rod

    def _explained(self, rods: list[Rod]) -> list[float]:
        """Share of the brightness of each rod's patch that all rods explain."""
        labels, _ = scipy.ndimage.label(self.excess > self.level, _CONNECTED)
        residual = np.minimum(self._linear(), self.ceiling) - self.excess
        known: dict[int, float] = {0: 1.0}
        shares = []
        for rod in rods:
            number = int(labels[self._index(rod.position)])
            if number not in known:
                own = labels == number
                known[number] = 1 - float(robust_cost(residual[own]) / robust_cost(self.excess[own]))
            shares.append(known[number])
        return shares

    def allows(self, place: FloatArray) -> bool:
        """Whether a place lies in the search region."""
        return bool(self.allowed[self._index(place)])

    def cluster_of(self, places: Sequence[FloatArray]) -> NDArray[np.int64]:
        """A number for each seed, the same for those that are merged on the CT."""
        labels, _ = scipy.ndimage.label(self.excess > self.level, _CONNECTED)
        bright = np.array([labels[self._index(p)] for p in places], dtype=np.int64)
        bright[bright == 0] = -1 - np.flatnonzero(bright == 0)
        return np.asarray(np.unique(bright, return_inverse=True)[1], dtype=np.int64)

    def _index(self, place: FloatArray) -> tuple[int, ...]:
        axes = (self.image.x, self.image.y, self.image.z)
        return tuple(
            int(np.clip(np.round((p - c[0]) / d), 0, c.size - 1))
            for p, c, d in zip(place, axes, self.image.spacing, strict=True)
        )

    def _around(self, places: Sequence[FloatArray]) -> tuple[Voxels, tuple[NDArray[np.intp], ...]]:
        """Voxels within sight of places, and their indices."""
        axes = (self.image.x, self.image.y, self.image.z)
        low, high = np.min(places, axis=0) - self.seen.reach, np.max(places, axis=0) + self.seen.reach
        window = [slice(*np.searchsorted(c, (a, b))) for c, a, b in zip(axes, low, high, strict=True)]
        grid = np.stack(
            np.meshgrid(*(c[w] for c, w in zip(axes, window, strict=True)), indexing="ij"), axis=-1
        )
        seen = np.zeros(grid.shape[:3], dtype=bool)
        for place in places:
            seen |= self.seen.near(grid, place)
        inner = np.nonzero(seen)
        where = tuple(i + w.start for i, w in zip(inner, window, strict=True))
        return Voxels(grid[inner], self.excess[where], self.ceiling[where]), where

    def _beside(self, voxels: Voxels, poses: list[Pose]) -> FloatArray:
        total = np.zeros(len(voxels.points))
        low, high = voxels.points.min(axis=0) - self.seen.reach, voxels.points.max(axis=0) + self.seen.reach
        for position, axis in poses:
            if (position > low).all() and (position < high).all():
                total += self.seen.excess * self.seen.filled(voxels.points, position, axis)
        return total

    def _linear(self) -> FloatArray:
        """Excess of all seeds so far, not cut off, HU."""
        total, kept = np.zeros(self.excess.shape), {}
        for pose in self.poses:
            if id(pose) not in self._shown:
                voxels, where = self._around([pose[0]])
                self._shown[id(pose)] = (
                    pose,
                    where,
                    self.seen.excess * self.seen.filled(voxels.points, *pose),
                )
            kept[id(pose)] = self._shown[id(pose)]
            total[kept[id(pose)][1]] += kept[id(pose)][2]
        self._shown = kept
        return total

    def _close(self, open_: Mask, top: FloatArray) -> None:
        reach = max(_EXHAUSTED, 1.01 * self.image.spacing[0])
        axes = (self.image.x, self.image.y, self.image.z)
        window = tuple(
            slice(*np.searchsorted(c, (t - reach, t + reach))) for c, t in zip(axes, top, strict=True)
        )
        grid = np.meshgrid(*(c[w] - t for c, w, t in zip(axes, window, top, strict=True)), indexing="ij")
        open_[window] &= sum(g**2 for g in grid) > reach**2
        open_[self._index(top)] = False
