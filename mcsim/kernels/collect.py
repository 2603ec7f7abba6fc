"""A batch's tallies gathered into one array per quantity, and cleared for the next batch."""

from __future__ import annotations

from mcsim.kernels._jit import jit


@jit
def collect_quantity(tallies, quantity, known, dose):
    """One quantity of a block's tallies, and what is `known` of it, into `dose` (nx, ny, nz).

    The quantities are dose to medium, dose to water, primary dose to medium and, where it is scored, energy deposited
    over density. `known` (quantities, nx, ny, nz), or none of them.
    """
    primary, scattered = tallies.primary, tallies.scattered
    water, deposited = tallies.water, tallies.deposited
    is_known = quantity < known.shape[0]
    nx, ny, nz = dose.shape
    for ix in range(nx):
        for iy in range(ny):
            first = ((ix + 1) * (ny + 2) + iy + 1) * (nz + 2) + 1
            for iz in range(nz):
                k = first + iz
                if quantity == 0:
                    scored = primary[k] + scattered[k]
                elif quantity == 1:
                    scored = primary[k] + scattered[k] + water[k]
                elif quantity == 2:
                    scored = primary[k]
                else:
                    scored = deposited[k]
                dose[ix, iy, iz] = scored + (known[quantity, ix, iy, iz] if is_known else 0.0)


@jit
def clear(tallies):
    """Leave zeros behind for the next batch."""
    tallies.primary[:] = 0.0
    tallies.scattered[:] = 0.0
    tallies.water[:] = 0.0
    tallies.deposited[:] = 0.0
    tallies.spectrum[:] = 0.0
    tallies.balance[:] = 0.0


@jit
def collect(tallies, known, dose):
    """Move the tallies of a block, and what is known, into `dose` (quantities, nx, ny, nz) and leave zeros behind."""
    for quantity in range(dose.shape[0]):
        collect_quantity(tallies, quantity, known, dose[quantity])
    clear(tallies)
