"""A batch's tallies gathered into one array per quantity, and cleared for the next batch."""

from __future__ import annotations

from mcsim.kernels._jit import jit


@jit
def collect(tallies, dose):
    """Move the tallies of a block into `dose` (3 or 4, nx, ny, nz) and leave zeros behind.

    The quantities are dose to medium, dose to water, primary dose to medium and, where it is scored, energy deposited
    over density.
    """
    primary, scattered = tallies.primary, tallies.scattered
    water, deposited = tallies.water, tallies.deposited
    _, nx, ny, nz = dose.shape
    for ix in range(nx):
        for iy in range(ny):
            first = ((ix + 1) * (ny + 2) + iy + 1) * (nz + 2) + 1
            for iz in range(nz):
                k = first + iz
                dose[0, ix, iy, iz] = primary[k] + scattered[k]
                dose[1, ix, iy, iz] = dose[0, ix, iy, iz] + water[k]
                dose[2, ix, iy, iz] = primary[k]
                if deposited.shape[0] > 0:
                    dose[3, ix, iy, iz] = deposited[k]
    # The layer around the block is never scored in and stays zero.
    primary[:] = 0.0
    scattered[:] = 0.0
    water[:] = 0.0
    deposited[:] = 0.0
    tallies.spectrum[:] = 0.0
    tallies.balance[:] = 0.0
