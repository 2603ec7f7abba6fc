"""Photoelectric absorption and the fluorescence that may follow.

The mean number of photons of every K and L line per absorption, w_Z σ_Z(E)/σ(E) · vacancies of the shell · photons of
the line per vacancy, is tabulated for each medium, so one random number decides between no photon and each line. One
photon at most leaves an absorption: an L line that follows a K line of the same atom is sampled apart from it with its
mean number. Mean doses are right, because a sum of expectations asks for no independence, as long as the numbers sum
to at most 1 (they do, for every element and energy; tested). M lines are neglected; fluorescence below the cut-off or
switched off stays at the site, and in µ_en.
"""

from __future__ import annotations

from mcsim.kernels._jit import inlined_jit
from mcsim.kernels.rng import uniform


@inlined_jit
def sample_fluorescence(index, medium, tables, state):
    """Energy of the fluorescence photon, keV, or 0 if there is none; `index` is the energy bin."""
    count = tables.line_count[medium]
    if count == 0:
        return 0.0
    probability = tables.line_probability
    u = uniform(state)
    if u >= probability[index, medium, count - 1]:
        return 0.0
    line = 0
    while u >= probability[index, medium, line]:
        line += 1
    return tables.line_energy[medium, line]
