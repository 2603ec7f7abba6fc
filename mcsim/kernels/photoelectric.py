"""Photoelectric absorption and the fluorescence that may follow.

The probability of every line per absorption, w_Z σ_Z(E)/σ(E) · K share · yield · line rate, is tabulated for each
medium, so one random number decides between no photon and each line. One fluorescence photon at most leaves an
absorption: L lines after a K line are neglected, and so is all fluorescence below the cut-off (its energy stays at
the site, and in µ_en).
"""

from __future__ import annotations

from mcsim.kernels._jit import jit
from mcsim.kernels.rng import uniform


@jit
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
