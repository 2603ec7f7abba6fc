"""Do a seed's solids make a seed: nested cleanly, inside a convex outside, activity visible, symmetry as claimed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.seed_solids import SAME_PLANE, Solid, largest_radius_squared, slabs, zones

FloatArray = NDArray[np.float64]

# Heights inside a slab at which ρ² is compared; profiles are quadratic in z, so three points decide.
WITHIN_SLAB = np.array([0.2, 0.5, 0.8])
# Difference of ρ² over the seed's largest that is round-off of a file's numbers.
ROUND_OFF = 1e-9
CONVEXITY_POINTS = 241


def check_seed(
    seed: str,
    solids: Sequence[Solid],
    outer: str,
    active: Sequence[tuple[str, float]],
    mirror_symmetric: bool,
) -> None:
    """Refuse solids that do not make a seed.

    Parameters
    ----------
    seed : str
        Name of the seed, for messages.
    solids : sequence of Solid
        In nesting order.
    outer : str
        Name of the solids that bound the seed.
    active : sequence of (str, float)
        Name and weight of each active part.
    mirror_symmetric : bool
        The seed is claimed to be its own mirror image about z = 0.

    Raises
    ------
    InvalidInput
        Names are not in order, solids overlap partly or stick out, the outside is not convex, an active part is
        unknown or hidden, or the seed is not its own mirror image though it is claimed to be.

    Examples
    --------
    >>> rod = Solid("rod", "silver", (0.04, 0.0, 0.0), -0.5, 0.5)
    >>> check_seed("my seed", [rod], "rod", [("rod", 1.0)], True)
    """
    names = _check_names(seed, solids, outer, active)
    tolerance = ROUND_OFF * max(largest_radius_squared(s) for s in solids)
    _check_nesting(seed, solids, names, tolerance)
    _check_convex(seed, [s for s in solids if s.name == outer])
    visible = {zone.solid.name for zone in zones(solids)}
    for name, _ in active:
        if name not in visible:
            raise InvalidInput(
                f"active region of {seed} is empty, expected a part of {name!r} that later solids do not cover. "
                f"Correct the seed file."
            )
    if mirror_symmetric:
        _check_mirror_image(seed, solids, active, tolerance)


def _check_names(
    seed: str, solids: Sequence[Solid], outer: str, active: Sequence[tuple[str, float]]
) -> list[str]:
    """Names in nesting order."""
    names = list(dict.fromkeys(s.name for s in solids))
    for what, name in [("outer", outer), *(("active part", part) for part, _ in active)]:
        if name not in names:
            raise InvalidInput(
                f"{what} of {seed} is {name!r}, expected one of its solids, {', '.join(names)}. Use one of them."
            )
    if names[0] != outer:
        raise InvalidInput(
            f"first solid of {seed} is {names[0]!r}, expected the outer one, {outer!r} (solids stand in nesting order, "
            f"from the outside in). Move it to the front."
        )
    for name in names:
        places = [k for k, s in enumerate(solids) if s.name == name]
        if places != list(range(places[0], places[0] + len(places))):
            raise InvalidInput(
                f"order of the solids {name} of {seed} is {places}, expected one after the other (they are one body). "
                f"Move them together or give them two names."
            )
        media = sorted({solids[k].material for k in places})
        if len(media) > 1:
            raise InvalidInput(
                f"material of the solids {name} of {seed} is {' and '.join(media)}, expected one (they are one body). "
                f"Give them two names."
            )
    return names


def _check_nesting(seed: str, solids: Sequence[Solid], names: list[str], tolerance: float) -> None:
    """Every body lies inside each earlier body or beside it."""
    z = _heights(solids)
    body = {name: _profile([s for s in solids if s.name == name], z) for name in names}
    for first, later in combinations(names, 2):
        present = body[later] > 0.0
        if first != names[0] and not np.any(present & (body[first] > 0.0)):
            continue
        out = np.flatnonzero(present & (body[later] > np.maximum(body[first], 0.0) + tolerance))
        if len(out) == 0:
            continue
        where = out[np.argmax(body[later][out] - body[first][out])]
        reach, limit = np.sqrt(body[later][where]), np.sqrt(max(body[first][where], 0.0))
        why = (
            "the outer solids hold everything"
            if first == names[0]
            else "a later solid lies inside an earlier one or beside it, never partly in it"
        )
        raise InvalidInput(
            f"radius of {later} of {seed} is {reach:.6f} cm at z = {z[where]:.6f} cm, expected at most {limit:.6f} cm, "
            f"that of {first} ({why}). Correct the radii, z, or the order of the solids."
        )


def _check_convex(seed: str, outer: Sequence[Solid]) -> None:
    """The outside has no dent: the middle between two points of its outline lies inside, sampled."""
    low, high = min(s.z_min for s in outer), max(s.z_max for s in outer)
    planes = [z for s in outer for z in (s.z_min, s.z_max)]
    z = np.unique(np.concatenate([np.linspace(low, high, CONVEXITY_POINTS), planes]))
    radius = np.sqrt(np.maximum(_profile(outer, z), 0.0))
    middle = 0.5 * (z[:, None] + z)
    reach = _profile(outer, middle.ravel()).reshape(middle.shape)
    dent = 0.5 * (radius[:, None] + radius) - np.sqrt(np.maximum(reach, 0.0))
    worst = np.unravel_index(np.argmax(dent), dent.shape)
    if dent[worst] > np.sqrt(ROUND_OFF) * radius.max():
        raise InvalidInput(
            f"outside of {seed} is dented by {dent[worst]:.6f} cm at z = {middle[worst]:.6f} cm, expected convex "
            f"(a ray enters and leaves a seed once). Fill the dent with a later solid of the medium around the seed."
        )


def _check_mirror_image(
    seed: str, solids: Sequence[Solid], active: Sequence[tuple[str, float]], tolerance: float
) -> None:
    """The same media and activity per volume at the same radii on both sides of the middle plane."""
    weight = dict(active)
    visible = zones(solids)
    volume = {name: sum(zone.volume() for zone in visible if zone.solid.name == name) for name in weight}
    planes = np.unique(np.abs([z for zone in visible for z in (zone.z_min, zone.z_max)] + [0.0]))
    steps = np.diff(planes)
    z = (planes[:-1] + np.outer(WITHIN_SLAB, steps))[:, steps > SAME_PLANE].ravel()

    def layers(height: float) -> list[tuple[float, str, float]]:
        """Outer ρ², medium and activity per volume, from the outside in."""
        found: list[tuple[float, str, float]] = []
        for zone in visible:
            if zone.z_min < height < zone.z_max:
                name = zone.solid.name
                activity = weight[name] / volume[name] if name in weight else 0.0
                found.append(
                    (float(zone.solid.radius_squared(np.array(height))), zone.solid.material, activity)
                )
        found.sort(key=lambda layer: -layer[0])
        # a border between two bodies of the same medium and activity is none
        return [layer for k, layer in enumerate(found) if k == 0 or layer[1:] != found[k - 1][1:]]

    for height in z:
        above, below = layers(height), layers(-height)
        same = len(above) == len(below) and all(
            abs(a[0] - b[0]) <= tolerance and a[1] == b[1] and np.isclose(a[2], b[2], rtol=1e-6)
            for a, b in zip(above, below, strict=True)
        )
        if not same:
            raise InvalidInput(
                f"mirror_symmetric of {seed} is true, expected false (at z = {height:.6f} cm it differs from "
                f"z = {-height:.6f} cm). Correct the solids or set it to false."
            )


def _heights(solids: Sequence[Solid]) -> FloatArray:
    """Heights inside every slab, cm."""
    ends = np.array([slab for slab in slabs(solids) if slab[1] - slab[0] > SAME_PLANE])
    return np.asarray((ends[:, 0] + np.outer(WITHIN_SLAB, ends[:, 1] - ends[:, 0])).ravel())


def _profile(body: Sequence[Solid], z: FloatArray) -> FloatArray:
    """Largest ρ² of the solids of a body at the heights `z`, −1 where there is none, cm²."""
    reach = [np.where((s.z_min <= z) & (z <= s.z_max), s.radius_squared(z), -1.0) for s in body]
    return np.asarray(np.max(reach, axis=0), dtype=np.float64)
