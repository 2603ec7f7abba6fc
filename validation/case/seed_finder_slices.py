"""Where between thick slices a rod lies, and which way it is tilted: all that the voxels allow, not the best alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from validation.case.seed_finder_fit import Pose, Rod, Voxels, misfit_variance, robust_cost
from validation.case.seed_finder_image import SeedImage

FloatArray = NDArray[np.float64]

# Thinner slices tell height and tilt by themselves, cm.
THICK = 0.15
_LIFTS = np.linspace(-1.0, 1.0, 17)  # slices
_TILTS = np.linspace(-0.95, 0.95, 11)  # z components of the direction

_ALIKE = 4.0  # neighbouring pixels that share noise and streaks


def lifted(
    voxels: Voxels, image: SeedImage, pose: Pose, beside: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A rod at other heights up to a slice away and with other tilts, and how well each fits.

    Parameters
    ----------
    voxels : Voxels
        Those within sight.
    image : SeedImage
        How a seed looks.
    pose : tuple of two ndarrays
        Centre and direction.
    beside : ndarray, shape (m,)
        Excess of all other seeds, not cut off, HU.

    Returns
    -------
    tuple of ndarrays
        Centres (n, 3), directions (n, 3) and robust costs (n,), HU². The first is the rod as given.
    """
    position, axis = pose
    turn = axis[:2] / max(float(np.linalg.norm(axis[:2])), 1e-9)
    tilts = np.array([axis[2], -axis[2], *_TILTS])
    axes = np.column_stack([np.sqrt(1 - tilts**2)[:, None] * turn, tilts])
    axes[0] = axis
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    lifts = np.concatenate([[0.0], _LIFTS]) * image.spacing[2]
    centres = position + np.repeat(lifts, len(axes))[:, None] * np.array([0.0, 0.0, 1.0])
    directions = np.tile(axes, (len(lifts), 1))
    own = image.excess * image.filled_by(voxels.points, centres, directions)
    return centres, directions, robust_cost(np.minimum(beside + own, voxels.ceiling) - voxels.excess)


def averaged(voxels: Voxels, image: SeedImage, rod: Rod, beside: FloatArray) -> Rod:
    """The rod in the middle of what its voxels allow, with the spread of that as uncertainty.

    Heights and tilts are weighted by exp(−ΔC/2T), C the robust sum of squares and T the variance of a misfit times
    the pixels that share their noise. A rod flat in a thick slice may lie anywhere in it: it is put into the middle.

    Parameters
    ----------
    voxels, image, beside
        As in `lifted`.
    rod : Rod
        As judged.

    Returns
    -------
    Rod
    """
    centres, directions, costs = lifted(voxels, image, (rod.position, rod.axis), beside)
    centres, directions, costs = (v[len(_TILTS) + 2 :] for v in (centres, directions, costs))
    variance = misfit_variance(voxels, image, (rod.position, rod.axis), beside)
    weights = np.exp(-(costs - costs.min()) / (2 * _ALIKE * variance))
    weights /= weights.sum()
    heights = centres[:, 2]
    height = float(weights @ heights)
    spread = float(np.sqrt(weights @ (heights - height) ** 2))
    directions = directions * np.where(directions @ rod.axis < 0, -1.0, 1.0)[:, None]
    axis = weights @ directions
    axis /= np.linalg.norm(axis)
    angles = np.arccos(np.clip(directions @ axis, -1.0, 1.0))
    return replace(
        rod,
        position=np.array([*rod.position[:2], height]),
        axis=axis if axis[2] >= 0 else -axis,
        position_std_dev=max(rod.position_std_dev, spread),
        axis_std_dev=max(rod.axis_std_dev, float(np.sqrt(weights @ angles**2))),
    )
