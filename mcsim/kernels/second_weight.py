"""The second weight of a photon that is sampled in water: what it stands for in the phantom.

A photon flies and interacts as in water. In the phantom, with attenuation µ instead of µ_w, the same flight and the
same interaction have other probabilities; their ratio is the weight. Along a path s it is exp(−∫(µ − µ_w) ds); at an
interaction of kind i it is [ρ σ_i p_i]/[ρ_w σ_w,i p_w,i] with p_i the distribution of the outcome. Expectations are
those of the phantom, exactly, as long as nothing happens there that cannot happen in water; what can (fluorescence,
interactions in seeds) is followed apart (see ``correlated_transport``).
"""

from __future__ import annotations

import math

from mcsim.kernels._jit import inlined_jit
from mcsim.kernels.solids import all_intervals, solid_at
from mcsim.kernels.tables import HC_KEV_ANGSTROM


@inlined_jit
def mean_attenuated(x):
    """(1 − e^−x)/x, the mean of e^−s over 0 ≤ s ≤ x, and e^−x."""
    if abs(x) < 0.1:
        # series up to x⁵: exact to 3e-9 where the quotient would lose digits to cancellation
        mean = 1.0 - x * (0.5 - x * (1.0 / 6.0 - x * (1.0 / 24.0 - x * (1.0 / 120.0 - x / 720.0))))
        return mean, 1.0 - x * mean
    e = math.exp(-x)
    return (1.0 - e) / x, e


@inlined_jit
def node_of(energy, cosine, tables):
    """Place of a momentum transfer among the tabulated ones: node and share of the interval above it."""
    last = tables.incoherent_function.shape[1] - 1
    x = energy / HC_KEV_ANGSTROM * math.sqrt(max(0.5 * (1.0 - cosine), 0.0))
    position = math.sqrt(min(x / tables.momentum_transfer_max, 1.0)) * last
    node = min(int(position), last - 1)
    return node, position - node


@inlined_jit
def share_at(shares, energy, medium, tables):
    """Interpolated column `medium` of an energy table (nodes, media) that spans the medium tables' energies."""
    last = shares.shape[0] - 1
    position = (energy - tables.energy_min) / (tables.energy_max - tables.energy_min) * last
    node = min(max(int(position), 0), last - 1)
    low = shares[node, medium]
    return low + (position - node) * (shares[node + 1, medium] - low)


@inlined_jit
def incoherent_ratio(energy, cosine, medium, water, shares, tables):
    """Ratio of the mass differential incoherent cross sections of a medium and water."""
    node, above = node_of(energy, cosine, tables)
    f = tables.incoherent_function
    here = f[medium, node] + above * (f[medium, node + 1] - f[medium, node])
    in_water = f[water, node] + above * (f[water, node + 1] - f[water, node])
    if in_water == 0.0:
        return share_at(shares, energy, medium, tables)
    return share_at(shares, energy, medium, tables) * here / in_water


@inlined_jit
def coherent_ratio(energy, cosine, medium, water, shares, tables):
    """Ratio of the mass differential coherent cross sections of a medium and water."""
    node, _ = node_of(energy, cosine, tables)
    f = tables.coherent_integral
    here = f[medium, node + 1] - f[medium, node]
    in_water = f[water, node + 1] - f[water, node]
    return share_at(shares, energy, medium, tables) * here / in_water


@inlined_jit
def optical_depth(solids, tables, index, above, x, y, z, u, v, w, t, t_end, intervals):
    """Optical depth of a seed on a ray of its own frame between `t` and `t_end`; `intervals` is scratch."""
    all_intervals(solids, x, y, z, u, v, w, intervals)
    depth = 0.0
    while t < t_end:
        inside, boundary = solid_at(intervals, t)
        boundary = min(boundary, t_end)
        if inside >= 0:
            medium = solids.medium[inside]
            depth += (
                (boundary - t)
                * solids.density[inside]
                * (tables.total[index, medium, 0] + above * tables.total[index, medium, 1])
            )
        t = boundary
    return depth
