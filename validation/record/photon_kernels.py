"""Photons of one's own sent through the project's transport and interaction kernels."""

from __future__ import annotations

import numpy as np

from mcsim.kernels._jit import jit
from mcsim.kernels.interaction import interact
from mcsim.kernels.rng import start_stream
from mcsim.kernels.voxel_transport import EMITTED, transport_photon

STREAM_RECORD = 80  # apart from the streams of the program


@jit
def follow_photons(points, directions, energies, weights, run_seed, voxels, seeds, solids, tables, tallies):
    """Follow photons (n, 3), (n, 3), (n,), (n,) through the voxels; every seed is solid."""
    state = np.empty(2, np.uint64)
    scratch = (
        np.empty(voxels.media_count),
        np.empty(voxels.media_count),
        np.empty((2, solids.z_min.shape[0])),
        np.empty(2),
    )
    for i in range(points.shape[0]):
        start_stream(state, run_seed, STREAM_RECORD, 0, i)
        tallies.balance[EMITTED] += weights[i] * energies[i]
        transport_photon(
            points[i, 0], points[i, 1], points[i, 2], directions[i, 0], directions[i, 1], directions[i, 2],
            energies[i], -1, weights[i], voxels, seeds, solids, tables, 1.0, scratch, tallies, state,
        )  # fmt: skip


@jit
def interact_often(energy, medium, tables, run_seed, energies, cosines, processes):
    """One interaction for each element of the arrays: energy after it, cosine of the deflection, process."""
    state = np.empty(2, np.uint64)
    for i in range(energies.shape[0]):
        start_stream(state, run_seed, STREAM_RECORD, 1, i)
        energies[i], _, _, cosines[i], processes[i] = interact(energy, 0.0, 0.0, 1.0, medium, tables, state)
