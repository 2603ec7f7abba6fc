"""Compiled loops of the displacement field: the weight of a place, its gradient, and the field's inverse.

The distance from the target stands on a grid of nodes and is read as a uniform cubic B-spline with the nodes' values as
coefficients: a mean of the nodes around, so that it is twice differentiable, never rises faster than the distance
itself and never overshoots.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tg43.compiled import compiled

FloatArray = NDArray[np.float64]
MOST_STEPS = 60
MOST_HALVINGS = 30


@compiled
def _spline(t: float, value: FloatArray, slope: FloatArray) -> None:
    """Weights of the four nodes around a place a share t beyond the second, and their derivatives."""
    u = 1.0 - t
    value[0] = u * u * u / 6.0
    value[1] = (4.0 - 6.0 * t * t + 3.0 * t * t * t) / 6.0
    value[2] = (4.0 - 6.0 * u * u + 3.0 * u * u * u) / 6.0
    value[3] = t * t * t / 6.0
    slope[0] = -0.5 * u * u
    slope[1] = -2.0 * t + 1.5 * t * t
    slope[2] = 2.0 * u - 1.5 * u * u
    slope[3] = 0.5 * t * t


@compiled
def weight_at(
    point: FloatArray,
    low: FloatArray,
    step: float,
    distance: FloatArray,
    plateau: float,
    reach: float,
    work: FloatArray,
    gradient: FloatArray,
) -> float:
    """Return the weight of a place, 1 on the plateau and 0 beyond the reach, and fill its gradient (3,), 1/cm."""
    gradient[:] = 0.0
    first = np.empty(3, np.int64)
    for k in range(3):
        place = (point[k] - low[k]) / step
        node = math.floor(place)
        first[k] = int(node) - 1
        if first[k] < 0 or first[k] + 3 >= distance.shape[k]:
            return 0.0
        _spline(place - node, work[k], work[3 + k])
    d, gx, gy, gz = 0.0, 0.0, 0.0, 0.0
    for i in range(4):
        for j in range(4):
            sum_z, slope_z = 0.0, 0.0
            for k in range(4):
                value = distance[first[0] + i, first[1] + j, first[2] + k]
                sum_z += work[2, k] * value
                slope_z += work[5, k] * value
            d += work[0, i] * work[1, j] * sum_z
            gx += work[3, i] * work[1, j] * sum_z
            gy += work[0, i] * work[4, j] * sum_z
            gz += work[0, i] * work[1, j] * slope_z
    t = (d - plateau) / reach
    if t <= 0.0:
        return 1.0
    if t >= 1.0:
        return 0.0
    slope = -30.0 * t * t * (1.0 - t) * (1.0 - t) / (reach * step)
    gradient[0], gradient[1], gradient[2] = slope * gx, slope * gy, slope * gz
    return 1.0 - t * t * t * (10.0 - 15.0 * t + 6.0 * t * t)


@compiled
def weights(
    points: FloatArray,
    low: FloatArray,
    step: float,
    distance: FloatArray,
    plateau: float,
    reach: float,
    weight: FloatArray,
    gradient: FloatArray,
) -> None:
    """Fill the weights (m,) and gradients (m, 3) of places (m, 3)."""
    work = np.empty((6, 4))
    for i in range(len(points)):
        weight[i] = weight_at(points[i], low, step, distance, plateau, reach, work, gradient[i])


@compiled
def _off(
    x: FloatArray,
    y: FloatArray,
    centre: FloatArray,
    log_scale: FloatArray,
    weight: float,
    residual: FloatArray,
) -> float:
    """Fill how far from `y` the field takes `x`, (3,) in cm, and return its square."""
    square = 0.0
    for k in range(3):
        residual[k] = x[k] + (math.exp(weight * log_scale[k]) - 1.0) * (x[k] - centre[k]) - y[k]
        square += residual[k] * residual[k]
    return square


@compiled
def _newton_step(
    x: FloatArray,
    centre: FloatArray,
    log_scale: FloatArray,
    weight: float,
    gradient: FloatArray,
    residual: FloatArray,
    step: FloatArray,
) -> None:
    """Fill J⁻¹ times the residual; J = A + u vᵀ is inverted by the formula of Sherman and Morrison."""
    top, bottom = 0.0, 1.0
    for k in range(3):
        top += gradient[k] * residual[k] * math.exp(-weight * log_scale[k])
        bottom += gradient[k] * log_scale[k] * (x[k] - centre[k])
    for k in range(3):
        step[k] = (
            residual[k] * math.exp(-weight * log_scale[k]) - log_scale[k] * (x[k] - centre[k]) * top / bottom
        )


@compiled
def origins(
    places: FloatArray,
    centre: FloatArray,
    log_scale: FloatArray,
    low: FloatArray,
    step: float,
    distance: FloatArray,
    plateau: float,
    reach: float,
    tolerance: float,
    result: FloatArray,
) -> int:
    """Fill where the field takes tissue from, (m, 3); return how many places were not found.

    Newton's method on x + (s^w(x) − 1)(x − c) = y, with halved steps where a full one does not come closer.
    """
    work = np.empty((6, 4))
    gradient, x, trial, residual, step_along = np.empty(3), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    failed = 0
    for i in range(len(places)):
        y = places[i]
        result[i] = y
        w = weight_at(y, low, step, distance, plateau, reach, work, gradient)
        if w == 0.0:
            continue  # no other place comes here: beyond the reach nothing moves and the field does not fold
        x[:] = y
        error, rounds = _off(x, y, centre, log_scale, w, residual), 0
        while error > tolerance * tolerance and rounds < MOST_STEPS:
            _newton_step(x, centre, log_scale, w, gradient, residual, step_along)
            length, found = 1.0, error
            for _ in range(MOST_HALVINGS):
                trial[:] = x - length * step_along
                w = weight_at(trial, low, step, distance, plateau, reach, work, gradient)
                found = _off(trial, y, centre, log_scale, w, residual)
                if found < error:
                    break
                length *= 0.5
            rounds = rounds + 1 if found < error else MOST_STEPS
            x[:] = trial
            error = found
        failed += int(error > tolerance * tolerance)
        result[i] = x
    return failed
