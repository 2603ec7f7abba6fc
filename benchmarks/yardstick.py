"""What this machine can do: a plain analogue photon kernel, timed beside the engine.

Thirteen bare line sources of 2.8 mm at the seed positions of the case neck13, in a cube of 6 cm of 1 mm voxels: water
with a slab of cortical bone (1 cm < x < 2 cm) and a column of air (x² + (y + 1.8 cm)² < (0.8 cm)², along z); vacuum
around it. Four mean photon energies of ¹²⁵I. Free-electron (Klein-Nishina) incoherent scattering, coherent scattering
with Thomson's angles, absorption on the spot, and track-length collision kerma with µ_photo + 0.05 µ_incoherent for
the energy absorption. It is no dose engine and is validated against nothing; it does the memory and branch work of one.
A figure of the engine divided by that of the yardstick holds from machine to machine.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from benchmarks.neck13 import CENTRAL_CUBE, SEED_POSITIONS, VOXEL, VOXELS, medium_indices
from mcsim.cross_sections import element_table

FloatArray = NDArray[np.float64]

COMPOSITIONS = (  # mass fractions of water, cortical bone and air, g/cm³ below
    {"H": 0.1119, "O": 0.8881},
    {"H": 0.034, "C": 0.155, "N": 0.042, "O": 0.435, "Na": 0.001, "Mg": 0.002, "P": 0.103, "S": 0.003, "Ca": 0.225},
    {"C": 0.0001, "N": 0.755, "O": 0.232, "Ar": 0.0129},
)  # fmt: skip
DENSITIES = (0.998, 1.92, 0.0012)
# Mean energies of the Te Kα₂, Kα₁ and Kβ groups and the γ line, keV, and photons per 1,000 decays.
LINE_ENERGIES = (27.2017, 27.4723, 31.0, 35.4919)
LINE_PHOTONS = (397.0, 741.0, 257.0, 66.8)
SOURCE_LENGTH = 0.28  # cm
CUT_OFF_KEV = 1.5
ENERGY_STEP = 0.1  # keV, from 1 keV
ELECTRON_MASS_KEV = 510.999

BATCHES, HISTORIES_PER_BATCH = 20, 100_000


class Media(NamedTuple):
    """Mass coefficients in cm²/g, (energies, media)."""

    attenuation: FloatArray
    photoelectric: FloatArray
    incoherent: FloatArray
    absorption: FloatArray


@lru_cache(maxsize=1)
def media() -> Media:
    """Coefficients of the three media at 1.0, 1.1 … 40.0 keV."""
    energy = np.arange(1.0, 40.0 + 0.5 * ENERGY_STEP, ENERGY_STEP)

    def mass_coefficient(name: str) -> FloatArray:
        columns = [
            sum(share * element_table(symbol).interpolate(name, energy) for symbol, share in medium.items())
            for medium in COMPOSITIONS
        ]
        return np.ascontiguousarray(np.stack([np.asarray(c) for c in columns], axis=1))

    photo, incoherent, coherent = map(mass_coefficient, ("photoelectric", "incoherent", "coherent"))
    return Media(photo + incoherent + coherent, photo, incoherent, photo + 0.05 * incoherent)


@numba.njit(inline="always")
def random(state):  # type: ignore[no-untyped-def]
    """A number from [0, 1): xorshift64*, doi:10.1145/2845077."""
    s = state[0]
    s ^= s >> np.uint64(12)
    s ^= s << np.uint64(25)
    s ^= s >> np.uint64(27)
    state[0] = s
    return float((s * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(11)) * 2.0**-53


@numba.njit(inline="always")
def scattering_cosine(energy, incoherent, state):  # type: ignore[no-untyped-def]
    """Cosine of the scattering angle, by rejection, and the share of the energy that is left."""
    while True:
        cosine = 2.0 * random(state) - 1.0
        if incoherent:
            left = 1.0 / (1.0 + energy / ELECTRON_MASS_KEV * (1.0 - cosine))
            if 2.0 * random(state) < left * left * (left + 1.0 / left - 1.0 + cosine * cosine):
                return cosine, left
        elif 2.0 * random(state) < 1.0 + cosine * cosine:
            return cosine, 1.0


@numba.njit(inline="always")
def deflected(u, v, w, cosine, azimuth):  # type: ignore[no-untyped-def]
    """Direction (u, v, w) turned by the given polar and azimuthal angles."""
    sine = math.sqrt(1.0 - cosine * cosine)
    a, b = sine * math.cos(azimuth), sine * math.sin(azimuth)
    across = math.sqrt(1.0 - w * w)
    if across < 0.014:
        u, v, w = a, b, math.copysign(cosine, w * cosine)
    else:
        u, v, w = (
            u * cosine + (u * w * a - v * b) / across,
            v * cosine + (v * w * a + u * b) / across,
            w * cosine - across * a,
        )
    norm = 1.0 / math.sqrt(u * u + v * v + w * w)
    return u * norm, v * norm, w * norm


@numba.njit(fastmath=True, nogil=True)
def follow(histories, seed, sources, medium, density, coefficients, lines, cumulative, tally):  # type: ignore[no-untyped-def]  # noqa: PLR0912, PLR0915 - one loop nest
    """Follow photons until they are absorbed or leave; returns the number of voxel steps."""
    attenuation, photoelectric, incoherent, absorption = coefficients
    n, h = VOXELS, VOXEL
    state = np.array([seed], np.uint64)
    steps = 0
    for _ in range(histories):
        source = int(random(state) * sources.shape[0])
        x = sources[source, 0] + 0.5 * n * h
        y = sources[source, 1] + 0.5 * n * h
        z = sources[source, 2] + 0.5 * n * h + (random(state) - 0.5) * SOURCE_LENGTH
        choice, line = random(state), 0
        while choice >= cumulative[line]:
            line += 1
        energy = lines[line]
        w = 2.0 * random(state) - 1.0
        azimuth = 2.0 * math.pi * random(state)
        across = math.sqrt(1.0 - w * w)
        u, v = across * math.cos(azimuth), across * math.sin(azimuth)
        while True:  # one flight
            row = int((energy - 1.0) / ENERGY_STEP + 0.5)
            path = -math.log(1.0 - random(state))
            if x < 0.0 or y < 0.0 or z < 0.0:
                break
            ix, iy, iz = int(x / h), int(y / h), int(z / h)
            if ix >= n or iy >= n or iz >= n:
                break
            dt_x, dt_y, dt_z = h / max(abs(u), 1e-12), h / max(abs(v), 1e-12), h / max(abs(w), 1e-12)
            ahead_x, ahead_y, ahead_z = u > 0.0, v > 0.0, w > 0.0
            t_x = ((ix + 1 - x / h) if ahead_x else (x / h - ix)) * dt_x
            t_y = ((iy + 1 - y / h) if ahead_y else (y / h - iy)) * dt_y
            t_z = ((iz + 1 - z / h) if ahead_z else (z / h - iz)) * dt_z
            on_x, on_y, on_z = (1 if ahead_x else -1), (1 if ahead_y else -1), (1 if ahead_z else -1)
            voxel = (ix * n + iy) * n + iz
            t, inside = 0.0, True
            while True:  # one voxel
                face = min(t_x, t_y, t_z)
                m = medium[voxel]
                mu = density[voxel] * attenuation[row, m]
                step = face - t
                steps += 1
                if mu * step >= path:
                    step = path / mu
                    tally[voxel] += energy * step * absorption[row, m]
                    t += step
                    break
                path -= mu * step
                tally[voxel] += energy * step * absorption[row, m]
                t = face
                if face == t_x:
                    ix += on_x
                    t_x += dt_x
                    inside = 0 <= ix < n
                    voxel += on_x * n * n
                elif face == t_y:
                    iy += on_y
                    t_y += dt_y
                    inside = 0 <= iy < n
                    voxel += on_y * n
                else:
                    iz += on_z
                    t_z += dt_z
                    inside = 0 <= iz < n
                    voxel += on_z
                if not inside:
                    break
            if not inside:
                break
            x, y, z = x + t * u, y + t * v, z + t * w
            choice = random(state) * attenuation[row, m] - photoelectric[row, m]
            if choice < 0.0:
                break
            cosine, left = scattering_cosine(energy, choice < incoherent[row, m], state)
            energy *= left
            if energy < CUT_OFF_KEV:
                break
            u, v, w = deflected(u, v, w, cosine, 2.0 * math.pi * random(state))
    return steps


def source_arrays() -> tuple[FloatArray, NDArray[np.uint8], FloatArray, Media, FloatArray, FloatArray]:
    """Sources, media, densities, coefficients, line energies and cumulative line intensities for `follow`."""
    medium = medium_indices().ravel()
    cumulative = np.cumsum(LINE_PHOTONS) / sum(LINE_PHOTONS)
    cumulative[-1] = 2.0  # round-off never steps past the last line
    return SEED_POSITIONS, medium, np.array(DENSITIES)[medium], media(), np.array(LINE_ENERGIES), cumulative


@dataclass(frozen=True)
class YardstickRun:
    """One run: histories per CPU second, ns per voxel step, efficiency 1/(rms %² · CPU s), rms % and CPU s."""

    histories_per_s: float
    step_ns: float
    efficiency: float
    rms_percent: float
    cpu_s: float


def run_yardstick(number: int = 0, batches: int = BATCHES) -> YardstickRun:
    """Follow `batches` × 100,000 histories; the rms is over the voxels of the central 3 cm cube.

    Parameters
    ----------
    number : int
        Which of the disjoint random sequences.
    batches : int
        Batches, whose spread gives the uncertainty.
    """
    arrays = source_arrays()
    tallies = np.zeros((batches, VOXELS**3))
    follow(1_000, np.uint64(1), *arrays, np.zeros(VOXELS**3))  # compiled, and in the cache of the processor
    steps = 0
    start = time.process_time()
    for batch in range(batches):
        # numbers far apart in a sequence of period 2⁶⁴ − 1
        first = (0x9E3779B97F4A7C15 * (number * batches + batch + 1)) % 2**64
        steps += follow(HISTORIES_PER_BATCH, np.uint64(first), *arrays, tallies[batch])
    cpu = time.process_time() - start
    mean = tallies.mean(axis=0)[CENTRAL_CUBE.ravel()]
    std_dev = tallies.std(axis=0, ddof=1)[CENTRAL_CUBE.ravel()] / math.sqrt(batches)
    rms = 100.0 * math.sqrt(((std_dev / mean) ** 2).mean())
    histories = batches * HISTORIES_PER_BATCH
    return YardstickRun(histories / cpu, 1e9 * cpu / steps, 1.0 / (rms**2 * cpu), rms, cpu)
