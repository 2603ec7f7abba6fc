"""Rays through single solids of revolution: inside exactly between entry and exit."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mcsim.kernels.solids import Solids, interval, outside
from mcsim.seed_model import load_seed_model

CYLINDER, CONE, SPHERE, CAP, ELLIPSOID = "cylinder", "cone", "sphere", "cap", "ellipsoid"


def solid(profile: tuple[float, float, float], z_min: float, z_max: float) -> Solids:
    return Solids(
        np.array([profile]),
        np.array([z_min]),
        np.array([z_max]),
        np.zeros(1, np.int64),
        np.ones(1),
        1,
        10.0,
        10.0,
    )


def of_kind(kind: str, r: float, h: float, second: float) -> Solids:
    """A solid of about radius `r` and length `h` whose other figure is `second`."""
    if kind == CYLINDER:
        return solid((r * r, 0.0, 0.0), -h, h)
    if kind == CONE:  # radius r at −h, `second` at h
        slope = (second - r) / (2 * h)
        offset = r + slope * h
        return solid((offset**2, 2 * offset * slope, slope**2), -h, h)
    centre = second - 0.5
    if kind == ELLIPSOID:
        return solid((r * r, 0.0, -((r / h) ** 2)), -h, h)
    top = centre + r if kind == SPHERE else centre + 0.3 * r
    return solid((r * r - centre**2, 2 * centre, -1.0), centre - r, top)


@st.composite
def rays(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    direction = rng.normal(size=3)
    kind = draw(st.sampled_from(["any", "axis", "across", "almost axis"]))
    if kind == "axis":
        direction = np.array([0.0, 0.0, draw(st.sampled_from([1.0, -1.0]))])
    elif kind == "across":
        direction[2] = draw(st.sampled_from([0.0, -0.0]))
    elif kind == "almost axis":
        direction[:2] *= 1e-8
    return rng.uniform(-1.5, 1.5, 3), direction / np.linalg.norm(direction)


@given(
    ray=rays(),
    kind=st.sampled_from([CYLINDER, CONE, SPHERE, CAP, ELLIPSOID]),
    r=st.floats(0.1, 1.0),
    h=st.floats(0.05, 1.0),
    second=st.floats(0.0, 1.0),
)
@settings(max_examples=800, deadline=None, derandomize=True)
def test_points_are_inside_just_between_entry_and_exit(ray, kind, r, h, second) -> None:
    point, direction = ray
    body = of_kind(kind, r, h, second)
    t_in, t_out = interval(body, 0, *point, *direction)
    if t_out > t_in:
        length = t_out - t_in
        assert np.isfinite(length)
        assert length < 10.0
    # every 1/400 of a path that covers all bodies, except closer to a surface than round-off (1e-9) lets decide
    for t in np.linspace(-5.0, 5.0, 401):
        if min(abs(t - t_in), abs(t - t_out)) < 1e-6:
            continue
        x, y, z = point + t * direction
        a, b, c = body.profile[0]
        margin = a + b * z + c * z * z - x * x - y * y
        if min(abs(margin), abs(z - body.z_min[0]), abs(z - body.z_max[0])) < 1e-9:
            continue
        inside = margin > 0.0 and body.z_min[0] < z < body.z_max[0]
        assert inside == (t_in < t < t_out)


@given(ray=rays(), r=st.floats(0.1, 1.0), h=st.floats(0.05, 1.0), second=st.floats(0.0, 1.0))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_surface_points_satisfy_the_surface_equation(ray, r, h, second) -> None:
    point, direction = ray
    body = of_kind(CONE, r, h, second)
    point = 0.05 * point * min(r, h) - direction  # towards the middle
    t_in, t_out = interval(body, 0, *point, *direction)
    assume(t_out > t_in + 1e-6)
    for t in (t_in, t_out):
        x, y, z = point + t * direction
        a, b, c = body.profile[0]
        on_side = abs(x * x + y * y - a - b * z - c * z * z) < 1e-9
        on_end = min(abs(z - body.z_min[0]), abs(z - body.z_max[0])) < 1e-9
        assert on_side or on_end


@given(ray=rays())
@settings(max_examples=500, deadline=None, derandomize=True)
def test_outside_of_the_seed_is_the_union_of_its_outer_solids(ray) -> None:
    point, direction = ray
    model = load_seed_model("6711")
    solids = model.kernel_solids(0)
    point = 0.15 * point  # near the seed
    t_in, t_out = outside(solids, *point, *direction)
    for t in np.linspace(-0.6, 0.6, 241):
        if min(abs(t - t_in), abs(t - t_out)) < 1e-6:
            continue
        x, y, z = point + t * direction
        rho2 = x * x + y * y
        beyond = max(abs(z) - 0.1875, 0.0)
        if abs(rho2 + beyond**2 - 0.0016) < 1e-9:
            continue
        # capsule: everything within 0.04 cm of the segment between the two centres of the end spheres
        assert (rho2 + beyond**2 < 0.0016) == (t_in < t < t_out)


def test_later_solids_count_where_solids_overlap(solid_at) -> None:
    model = load_seed_model("6711")
    solids = model.kernel_solids(0)
    names = [model.solids[k].material for k in range(len(model.solids))]
    places = {
        (0.0, 0.0): "silver",
        (0.0249, 0.0): "silver_halide_6711",
        (0.03, 0.0): "air",
        (0.036, 0.1): "titanium",
        (0.0, 0.13990): "silver_halide_6711",
        (0.0, 0.16): "air",
        (0.0, 0.20): "titanium",
        (0.0, -0.2274): "titanium",
    }
    for (rho, z), medium in places.items():
        assert names[solid_at(solids, rho, 0.0, z)] == medium
    assert solid_at(solids, 0.0401, 0.0, 0.0) == -1
    assert solid_at(solids, 0.0, 0.0, 0.2276) == -1
