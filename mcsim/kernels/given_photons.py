"""Photons of one's own, sent through the voxels or into an interaction: what oracles are computed with."""

from __future__ import annotations

import numpy as np

from mcsim.kernels._jit import allocating_jit
from mcsim.kernels.interaction import interact
from mcsim.kernels.rng import STREAM_GIVEN, start_stream
from mcsim.kernels.voxel_transport import EMITTED, transport_photon


@allocating_jit
def follow_photons(
    points, directions, energies, weights, emitter, run_seed, voxels, seeds, solids, tables, cut_off, tallies
):
    """Follow photons (n, 3), (n, 3), (n,), (n,) as if they had just left seed `emitter` (−1: no seed)."""
    state = np.empty(2, np.uint64)
    scratch = (np.empty((voxels.media_count, 3)), np.empty((2, solids.z_min.shape[0])), np.empty(2))
    for i in range(points.shape[0]):
        start_stream(state, run_seed, STREAM_GIVEN, 0, i)
        tallies.balance[EMITTED] += weights[i] * energies[i]
        transport_photon(
            points[i, 0], points[i, 1], points[i, 2], directions[i, 0], directions[i, 1], directions[i, 2],
            energies[i], emitter, weights[i], True, emitter, voxels, seeds, solids, tables, cut_off, scratch, tallies,
            state,
        )  # fmt: skip


@allocating_jit
def interact_often(energy, medium, tables, run_seed, energies, cosines, processes):
    """One interaction for each element of the arrays: energy after it, cosine of the deflection, process."""
    state = np.empty(2, np.uint64)
    for i in range(energies.shape[0]):
        start_stream(state, run_seed, STREAM_GIVEN, 1, i)
        energies[i], _, _, cosines[i], processes[i] = interact(energy, 0.0, 0.0, 1.0, medium, tables, state)
