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

    Newton's method on x + (s^w(x) − 1)(x − c) = y, with halved steps where a full one does not come closer. The
    Jacobian is a diagonal matrix A plus u vᵀ, inverted by the formula of Sherman and Morrison.
    """
    work = np.empty((6, 4))
    gradient, trial_gradient, scale = np.empty(3), np.empty(3), np.empty(3)
    x, trial, residual, along = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    failed = 0
    for i in range(len(places)):
        y = places[i]
        result[i] = y
        if weight_at(y, low, step, distance, plateau, reach, work, gradient) == 0.0:
            continue  # no other place comes here: beyond the reach nothing moves and the field does not fold
        x[:] = y
        w = weight_at(x, low, step, distance, plateau, reach, work, gradient)
        error = 0.0
        for k in range(3):
            scale[k] = math.exp(w * log_scale[k])
            residual[k] = x[k] + (scale[k] - 1.0) * (x[k] - centre[k]) - y[k]
            error += residual[k] * residual[k]
        steps = 0
        while error > tolerance * tolerance and steps < MOST_STEPS:
            steps += 1
            top, bottom = 0.0, 1.0
            for k in range(3):
                pull = log_scale[k] * (x[k] - centre[k])
                top += gradient[k] * residual[k] / scale[k]
                bottom += gradient[k] * pull
            for k in range(3):
                pull = log_scale[k] * (x[k] - centre[k])
                along[k] = residual[k] / scale[k] - pull * top / bottom
            length, closer = 1.0, False
            for _ in range(MOST_HALVINGS):
                for k in range(3):
                    trial[k] = x[k] - length * along[k]
                w = weight_at(trial, low, step, distance, plateau, reach, work, trial_gradient)
                found = 0.0
                for k in range(3):
                    off = trial[k] + (math.exp(w * log_scale[k]) - 1.0) * (trial[k] - centre[k]) - y[k]
                    found += off * off
                if found < error:
                    closer = True
                    break
                length *= 0.5
            if not closer:
                break
            x[:] = trial
            gradient[:] = trial_gradient
            error = found
            for k in range(3):
                scale[k] = math.exp(w * log_scale[k])
                residual[k] = x[k] + (scale[k] - 1.0) * (x[k] - centre[k]) - y[k]
        if error > tolerance * tolerance:
            failed += 1
        result[i] = x
    return failed
