"""How far a seed is from another seed or from a voxel.

The outside of a seed is a convex solid of revolution, a voxel is a box: all that is needed of either is its farthest
point in a direction. The algorithm of Gilbert, Johnson and Keerthi (1988, doi:10.1109/56.2083) finds the point nearest
to the origin of the Minkowski difference of two such bodies from those farthest points alone. It holds for corners,
faces and curved ends alike, and bounds its answer from both sides.
"""

from __future__ import annotations

import math

import numpy as np

from mcsim.kernels._jit import allocating_jit, jit

ACCURACY = (
    1e-10  # cm, between the bounds of a distance; where bodies nearly touch, round-off leaves up to 1e-7
)
MOST_STEPS = 200
_DIRECTIONS = 400  # tried for the depth of an overlap before the best is refined
_GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))


@jit
def farthest(solids, u, v, w):
    """Point of a seed's outside that lies farthest in the direction (u, v, w), in the seed's frame."""
    across = math.sqrt(u * u + v * v)
    best = -1e30
    radius = 0.0
    height = 0.0
    for k in range(solids.outer_count):
        a = solids.profile[k, 0]
        b = solids.profile[k, 1]
        c = solids.profile[k, 2]
        for place in range(3):
            z = solids.z_min[k] if place == 0 else solids.z_max[k]
            if place == 2:
                # on a sphere or an ellipsoid the normal has the direction at one height; other profiles are straight
                if c >= 0.0:
                    continue
                middle = -0.5 * b / c
                equator = a + 0.5 * b * middle
                pole = -equator / c
                norm = math.sqrt(equator * across * across + pole * w * w)
                if norm == 0.0:
                    continue
                z = middle + pole * w / norm
                if z < solids.z_min[k] or z > solids.z_max[k]:
                    continue
            rho = math.sqrt(max(a + z * (b + z * c), 0.0))
            value = across * rho + w * z
            if value > best:
                best = value
                radius = rho
                height = z
    if across == 0.0:
        return 0.0, 0.0, height
    return radius * u / across, radius * v / across, height


@jit
def farthest_placed(solids, frame, d, point):
    """Write the farthest point, from the seed's centre and in the phantom's frame, in the direction `d` (3,)."""
    p, q, r = farthest(
        solids,
        frame[0, 0] * d[0] + frame[0, 1] * d[1] + frame[0, 2] * d[2],
        frame[1, 0] * d[0] + frame[1, 1] * d[1] + frame[1, 2] * d[2],
        frame[2, 0] * d[0] + frame[2, 1] * d[1] + frame[2, 2] * d[2],
    )
    for k in range(3):
        point[k] = frame[0, k] * p + frame[1, k] * q + frame[2, k] * r


@allocating_jit
def nearest_of_simplex(points, count, nearest):
    """Put the point nearest to the origin of the hull of up to four `points` (4, 3) in `nearest` (3,).

    The points that do not take part are dropped. Returns how many remain; 0 if the origin lies inside.
    """
    best = 1e30
    first, second, third = 0, -1, -1
    for i in range(count):
        square = 0.0
        for k in range(3):
            square += points[i, k] ** 2
        if square < best:
            best = square
            first, second, third = i, -1, -1
            nearest[:] = points[i]
    trial = np.empty(3)
    for i in range(count):
        for j in range(i + 1, count):
            along = 0.0
            length2 = 0.0
            for k in range(3):
                side = points[j, k] - points[i, k]
                along -= points[i, k] * side
                length2 += side * side
            if along <= 0.0 or along >= length2:
                continue
            square = 0.0
            for k in range(3):
                trial[k] = points[i, k] + along / length2 * (points[j, k] - points[i, k])
                square += trial[k] ** 2
            if square < best:
                best = square
                first, second, third = i, j, -1
                nearest[:] = trial
    for i in range(count):
        for j in range(i + 1, count):
            for m in range(j + 1, count):
                ee = ef = ff = pe = pf = 0.0
                for k in range(3):
                    e = points[j, k] - points[i, k]
                    f = points[m, k] - points[i, k]
                    ee += e * e
                    ef += e * f
                    ff += f * f
                    pe -= points[i, k] * e
                    pf -= points[i, k] * f
                area = ee * ff - ef * ef
                # a triangle drawn out to a line has its nearest point on a side
                if area <= 1e-14 * ee * ff:
                    continue
                s = (pe * ff - pf * ef) / area
                t = (pf * ee - pe * ef) / area
                if s <= 0.0 or t <= 0.0 or s + t >= 1.0:
                    continue
                square = 0.0
                for k in range(3):
                    trial[k] = (
                        points[i, k] + s * (points[j, k] - points[i, k]) + t * (points[m, k] - points[i, k])
                    )
                    square += trial[k] ** 2
                if square < best:
                    best = square
                    first, second, third = i, j, m
                    nearest[:] = trial
    if count == 4 and _holds_origin(points):
        return 0
    kept = np.empty((3, 3))
    remaining = 0
    for i in (first, second, third):
        if i >= 0:
            kept[remaining] = points[i]
            remaining += 1
    points[:remaining] = kept[:remaining]
    return remaining


@jit
def _determinant(a, b, c):
    return (
        a[0] * (b[1] * c[2] - b[2] * c[1])
        + a[1] * (b[2] * c[0] - b[0] * c[2])
        + a[2] * (b[0] * c[1] - b[1] * c[0])
    )


@jit
def _holds_origin(points):
    """Whether a tetrahedron (4, 3) holds the origin: the four that it makes with it have one orientation."""
    a = _determinant(points[1], points[2], points[3])
    b = -_determinant(points[0], points[2], points[3])
    c = _determinant(points[0], points[1], points[3])
    d = -_determinant(points[0], points[1], points[2])
    return (a > 0.0 and b > 0.0 and c > 0.0 and d > 0.0) or (a < 0.0 and b < 0.0 and c < 0.0 and d < 0.0)


@allocating_jit
def distance(solids, centre_a, frame_a, scale_a, centre_b, frame_b, scale_b, half):
    """Bounds, upper and lower, of the distance between body A and body B, cm; both 0 if they overlap.

    A is a seed, drawn together by the factor `scale_a` about its centre. B is a seed, drawn together by `scale_b`
    (0: a point), with a box of half edges `half` (3,) swept over it (0: a seed alone).
    """
    points = np.empty((4, 3))
    v = centre_a - centre_b
    if v[0] == 0.0 and v[1] == 0.0 and v[2] == 0.0:
        v[0] = 1.0
    a = np.empty(3)
    b = np.empty(3)
    w = np.empty(3)
    count = 0
    upper = 1e30
    lower = 0.0
    for _ in range(MOST_STEPS):
        farthest_placed(solids, frame_a, -v, a)
        farthest_placed(solids, frame_b, v, b)
        square = 0.0
        along = 0.0
        for k in range(3):
            box = half[k] if v[k] >= 0.0 else -half[k]
            w[k] = centre_a[k] + scale_a * a[k] - centre_b[k] - scale_b * b[k] - box
            square += v[k] * v[k]
            along += v[k] * w[k]
        lower = max(lower, along / math.sqrt(square))
        if upper - lower <= ACCURACY:
            break
        points[count] = w
        count = nearest_of_simplex(points, count + 1, v)
        square = v[0] * v[0] + v[1] * v[1] + v[2] * v[2]
        if count == 0 or square < ACCURACY**2:
            return 0.0, 0.0
        if math.sqrt(square) >= upper:  # round-off: no nearer point to be found
            break
        upper = math.sqrt(square)
    return upper, lower


@allocating_jit
def gap_along(solids, centre_a, frame_a, centre_b, frame_b, d):
    """Gap between the slabs across the unit vector `d` (3,) that hold two seeds; negative if the slabs overlap, cm."""
    a = np.empty(3)
    b = np.empty(3)
    farthest_placed(solids, frame_a, d, a)
    farthest_placed(solids, frame_b, -d, b)
    gap = 0.0
    for k in range(3):
        gap += d[k] * (centre_b[k] + b[k] - centre_a[k] - a[k])
    return gap


@jit
def _norm(a):
    return math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2])


@jit
def _cross(a, b, product):
    product[0] = a[1] * b[2] - a[2] * b[1]
    product[1] = a[2] * b[0] - a[0] * b[2]
    product[2] = a[0] * b[1] - a[1] * b[0]


@allocating_jit
def overlap_depth(solids, centre_a, frame_a, centre_b, frame_b):
    """Least way by which one of two overlapping seeds must move to touch the other, cm.

    The least over directions of the overlap of the slabs that hold the seeds, from many directions and those of
    contact between faces and sides; the best one is refined. Never below the true depth.
    """
    axis_a = frame_a[2]
    axis_b = frame_b[2]
    between = centre_b - centre_a
    along_a = 0.0
    along_b = 0.0
    for k in range(3):
        along_a += axis_a[k] * between[k]
        along_b += axis_b[k] * between[k]
    trials = np.empty((_DIRECTIONS + 6, 3))
    for k in range(3):
        trials[0, k] = axis_a[k]
        trials[1, k] = axis_b[k]
        trials[3, k] = between[k]
        trials[4, k] = between[k] - axis_a[k] * along_a
        trials[5, k] = between[k] - axis_b[k] * along_b
    _cross(axis_a, axis_b, trials[2])
    for i in range(_DIRECTIONS):
        z = 1.0 - (2.0 * i + 1.0) / _DIRECTIONS
        ring = math.sqrt(1.0 - z * z)
        trials[6 + i, 0] = ring * math.cos(i * _GOLDEN_ANGLE)
        trials[6 + i, 1] = ring * math.sin(i * _GOLDEN_ANGLE)
        trials[6 + i, 2] = z
    best = -1e30
    d = np.empty(3)
    trial = np.empty(3)
    for i in range(trials.shape[0]):
        norm = _norm(trials[i])
        if norm < 1e-9:
            continue
        for sign in (1.0, -1.0):
            for k in range(3):
                trial[k] = trials[i, k] * sign / norm
            gap = gap_along(solids, centre_a, frame_a, centre_b, frame_b, trial)
            if gap > best:
                best = gap
                d[:] = trial
    e = np.empty(3)
    f = np.empty(3)
    least = np.empty(3)
    step = 0.1
    failures = 0
    while step > 1e-7:
        least[:] = 0.0
        least[np.argmin(np.abs(d))] = 1.0
        _cross(d, least, e)
        norm = _norm(e)
        for k in range(3):
            e[k] /= norm
        _cross(d, e, f)
        better = False
        for i in range(8):
            # turned a little each time: along a ridge only few directions lead upwards
            angle = 0.25 * math.pi * i + 0.618 * failures
            cosine = step * math.cos(angle)
            sine = step * math.sin(angle)
            for k in range(3):
                trial[k] = d[k] + cosine * e[k] + sine * f[k]
            norm = _norm(trial)
            for k in range(3):
                trial[k] /= norm
            gap = gap_along(solids, centre_a, frame_a, centre_b, frame_b, trial)
            if gap > best:
                best = gap
                d[:] = trial
                better = True
                break
        failures = 0 if better else failures + 1
        if failures == 8:
            step *= 0.5
            failures = 0
    return -best


@allocating_jit
def touched(solids, centre, frame, low, high, within):
    """Whether a seed comes `within` so many cm of each box between `low` and `high` (n, 3); bool (n,)."""
    result = np.empty(low.shape[0], dtype=np.bool_)
    for i in range(low.shape[0]):
        _, lower = distance(
            solids, centre, frame, 1.0, 0.5 * (low[i] + high[i]), frame, 0.0, 0.5 * (high[i] - low[i])
        )
        result[i] = lower <= within
    return result
