"""What happens at an interaction point: choice of the process and the photon that leaves."""

from __future__ import annotations

from mcsim.kernels import coherent, incoherent
from mcsim.kernels._jit import inlined_jit
from mcsim.kernels.direction import deflect, isotropic
from mcsim.kernels.photoelectric import sample_fluorescence
from mcsim.kernels.rng import uniform
from mcsim.kernels.tables import energy_bin, energy_offset

PHOTOELECTRIC, INCOHERENT, COHERENT = 0, 1, 2


@inlined_jit
def interact(energy, u, v, w, medium, tables, state):
    """Energy (0: absorbed) and direction of the photon after an interaction, and the process."""
    index = energy_bin(tables, energy)
    above = energy_offset(tables, energy, index)
    total = tables.total[index, medium, 0] + above * tables.total[index, medium, 1]
    inc = tables.incoherent[index, medium, 0] + above * tables.incoherent[index, medium, 1]
    coh = tables.coherent[index, medium, 0] + above * tables.coherent[index, medium, 1]
    choice = uniform(state) * total
    if choice < inc:
        cosine, energy = incoherent.sample_cosine(energy, medium, tables, state)
        u, v, w = deflect(u, v, w, cosine, state)
        return energy, u, v, w, INCOHERENT
    if choice < inc + coh:
        cosine = coherent.sample_cosine(energy, medium, tables, state)
        u, v, w = deflect(u, v, w, cosine, state)
        return energy, u, v, w, COHERENT
    energy = sample_fluorescence(index, medium, tables, state)
    if energy > 0.0:
        u, v, w = isotropic(state)
    return energy, u, v, w, PHOTOELECTRIC
