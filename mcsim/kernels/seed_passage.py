"""A photon inside a seed, from entry (or emission) until it leaves or is absorbed."""

from __future__ import annotations

from mcsim.kernels._jit import jit
from mcsim.kernels.interaction import interact
from mcsim.kernels.rng import optical_path
from mcsim.kernels.solids import INFINITY, all_intervals, solid_at
from mcsim.kernels.tables import energy_bin, energy_offset

ABSORBED, LEFT, LEFT_SCATTERED = 0, 1, 2


@jit
def pass_through_seed(
    x, y, z, u, v, w, t, energy, path, solids, tables, cut_off, intervals, deposited, state
):
    """Follow a photon in the seed's own frame.

    The ray starts at (x, y, z) and is at parameter `t` on it; `path` is the optical path left. `intervals` is scratch,
    shape (2, solids); `deposited[0]` is increased by the energy that stays in the seed, `deposited[1]` by what falls
    below the cut-off. Returns the status, the position, direction, ray parameter, energy and optical path left on
    leaving; the ray is the one that came in if the status is LEFT.
    """
    scattered = False
    while True:
        all_intervals(solids, x, y, z, u, v, w, intervals)
        index = energy_bin(tables, energy)
        above = energy_offset(tables, energy, index)
        while True:
            inside, boundary = solid_at(intervals, t)
            if boundary == INFINITY:
                return (LEFT_SCATTERED if scattered else LEFT), x, y, z, u, v, w, t, energy, path
            if inside < 0:
                # numerically thin gap between adjoining solids
                t = boundary
                continue
            medium = solids.medium[inside]
            attenuation = solids.density[inside] * (
                tables.total[index, medium, 0] + above * tables.total[index, medium, 1]
            )
            step = boundary - t
            if attenuation * step < path:
                path -= attenuation * step
                t = boundary
                continue
            t += path / attenuation
            break
        x += t * u
        y += t * v
        z += t * w
        t = 0.0
        before = energy
        energy, u, v, w, _ = interact(energy, u, v, w, medium, tables, state)
        scattered = True
        if energy < cut_off:
            deposited[0] += before - energy
            deposited[1] += energy
            return ABSORBED, x, y, z, u, v, w, t, 0.0, 0.0
        deposited[0] += before - energy
        path = optical_path(state)
