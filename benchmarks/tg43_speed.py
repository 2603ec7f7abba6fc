"""The fast TG-43 path: evaluations per second and core, and an ensemble of displaced plans."""

from __future__ import annotations

import time
from itertools import product

import numpy as np

import tg43
from benchmarks.machine import one_core
from benchmarks.row import Row

SEEDS, POINTS, PLANS = 15, 20_000, 1_000
THREADS = 2
DISPLACEMENT = 0.1  # cm, standard deviation along each axis
OFF_SURFACE = 0.1  # cm


def measure_tg43(rounds: int) -> list[Row]:
    """Rows for one core and for the ensemble on two."""
    source = tg43.load_source("6711")
    random = np.random.default_rng(20)
    edge = np.linspace(-2.0, 2.0, round(POINTS ** (1 / 3)) + 1)
    points = np.array(list(product(edge, edge, edge)))[:POINTS]
    positions = random.uniform(-1.2, 1.2, (SEEDS, 3))
    axes = random.normal(size=(SEEDS, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    strengths = np.full(SEEDS, 0.6)
    members = positions + random.normal(0.0, DISPLACEMENT, (PLANS, SEEDS, 3))

    fast = tg43.dose_rate(points, positions, axes, strengths, source, method="fast")
    exact = tg43.dose_rate(points, positions, axes, strengths, source)
    away = _off_surface(points, positions, axes, source) > OFF_SURFACE
    deviation = float(np.max(np.abs(fast / exact - 1.0)[away]))

    rates, seconds = [], []
    for _ in range(rounds):
        with one_core():
            begun = time.process_time()
            for member in members[:50]:
                tg43.dose_rate(points, member, axes, strengths, source, method="fast")
            rates.append(50 * SEEDS * POINTS / (time.process_time() - begun) / 1e6)
        begun = time.perf_counter()
        held = tg43.ensemble_dose_rate(points, members, axes, strengths, source, threads=THREADS)
        seconds.append(time.perf_counter() - begun)
        if held.shape != (PLANS, len(points)):
            raise RuntimeError(
                f"shape of the ensemble's dose rates is {held.shape}, expected one row per plan"
            )
    note = f"largest deviation from the exact formalism beyond 1 mm from a seed's surface {100 * deviation:.1g} %"
    return [
        Row("TG-43 fast path, one core: seed-point evaluations", tuple(rates), "M/s", 50.0, True, note=note),
        Row(
            f"TG-43: {PLANS} displaced plans × {SEEDS} seeds × {POINTS} points on two cores",
            tuple(seconds), "s", 10.0, False,
            note=f"{PLANS * SEEDS * POINTS / np.median(seconds) / 1e6:.0f} M evaluations/s together, wall time",
        ),
    ]  # fmt: skip


def _off_surface(
    points: np.ndarray, positions: np.ndarray, axes: np.ndarray, source: tg43.SourceData
) -> np.ndarray:
    """Distance of each point from the nearest capsule, cm; an upright cylinder stands for it."""
    offset = points[:, None, :] - positions
    along = np.abs(np.einsum("pst,st->ps", offset, axes))
    across = np.sqrt(np.maximum(np.sum(offset**2, axis=2) - along**2, 0.0))
    outside = np.hypot(
        np.maximum(along - 0.5 * source.capsule_length, 0.0), np.maximum(across - source.capsule_radius, 0.0)
    )
    return np.asarray(outside.min(axis=1))
