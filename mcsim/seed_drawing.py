"""A seed drawn to scale: its section through the axis as outlines, and as an SVG picture."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from mcsim.seed_model import SeedModel
from mcsim.seed_solids import Zone, zones

FloatArray = NDArray[np.float64]

POINTS_PER_SURFACE = 49  # a cap of 0.4 mm drawn 50 px high then departs from its circle by less than 0.1 px
PICTURE_WIDTH = 900.0  # px
MARGIN = 24.0  # px
LINE_HEIGHT = 20.0  # px
ACTIVE_COLOUR = "#d62728"
# Light to dark as media absorb more; the colours of the tableau palette's lighter half tell neighbours apart.
COLOURS = (
    "#aec7e8", "#f7f7f7", "#ffbb78", "#98df8a", "#c5b0d5", "#c49c94", "#dbdb8d", "#9edae5", "#c7c7c7", "#e7969c",
)  # fmt: skip


@dataclass(frozen=True)
class Outline:
    """The visible part of a solid between two planes, cut by the half-plane ρ ≥ 0.

    Attributes
    ----------
    solid, material : str
        Names.
    active : bool
        It emits.
    z, rho : ndarray, shape (n,)
        Closed outline, cm: outwards surface up, inwards surface down.
    """

    solid: str
    material: str
    active: bool
    z: FloatArray
    rho: FloatArray


def section_outlines(model: SeedModel) -> list[Outline]:
    """Outlines of everything visible in a section through the seed's axis.

    Parameters
    ----------
    model : SeedModel
        The seed.

    Returns
    -------
    list of Outline
        They tile the half-section of the seed without gaps or overlap.

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> outlines = section_outlines(load_seed_model("6711"))
    >>> sorted({o.material for o in outlines if o.active})
    ['silver_halide_6711']
    """
    active = {name for name, _ in model.active}
    outlines = []
    for zone in zones(model.solids):
        z, outside, inside = _surfaces(zone)
        outlines.append(
            Outline(
                solid=zone.solid.name,
                material=zone.solid.material,
                active=zone.solid.name in active,
                z=np.concatenate([z, z[::-1]]),
                rho=np.concatenate([outside, inside[::-1]]),
            )
        )
    return outlines


def _surfaces(zone: Zone) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Heights and the radii of both surfaces; points crowd at the ends, where a sphere is steep."""
    straight = all(s is None or s.profile[1:] == (0.0, 0.0) for s in (zone.solid, zone.inner))
    share = (
        np.array([0.0, 1.0]) if straight else 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, POINTS_PER_SURFACE))
    )
    z = zone.z_min + share * (zone.z_max - zone.z_min)
    z[-1] = zone.z_max
    inside = zone.inner.radius_squared(z) if zone.inner else np.zeros_like(z)
    return z, np.sqrt(zone.solid.radius_squared(z)), np.sqrt(inside)


def section_svg(model: SeedModel) -> str:
    """The section through a seed's axis as an SVG picture, to scale, with a legend and a scale bar.

    Media are filled, the active parts lined in red, so that a layer thinner than a pixel is seen too.

    Parameters
    ----------
    model : SeedModel
        The seed.

    Returns
    -------
    str
        SVG document.

    Examples
    --------
    >>> from mcsim.seed_model import load_seed_model
    >>> section_svg(load_seed_model("6711")).startswith("<svg ")
    True
    """
    scale = (PICTURE_WIDTH - 2.0 * MARGIN) / (2.0 * model.half_length)  # px per cm
    middle = MARGIN + LINE_HEIGHT + scale * model.radius
    colour = {name: COLOURS[k % len(COLOURS)] for k, name in enumerate(model.media)}
    shapes, lines = [], []
    for outline in section_outlines(model):
        x = 0.5 * PICTURE_WIDTH + scale * outline.z
        for side in (-1.0, 1.0):
            points = " ".join(
                f"{a:.2f},{b:.2f}" for a, b in zip(x, middle + side * scale * outline.rho, strict=True)
            )
            # the fill's own colour as a hairline closes the seams that antialiasing leaves between outlines
            shapes.append(
                f'<polygon points="{points}" fill="{colour[outline.material]}" '
                f'stroke="{colour[outline.material]}" stroke-width="0.5"/>'
            )
            if outline.active:
                lines.append(
                    f'<polygon points="{points}" fill="{ACTIVE_COLOUR}" fill-opacity="0.35" '
                    f'stroke="{ACTIVE_COLOUR}" stroke-width="1"/>'
                )
    edge = middle + scale * model.radius
    legend, height = _legend(model, colour, edge + MARGIN, scale)
    title = f"{model.name}: {model.spectrum.radionuclide}, {model.spectrum.name}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {PICTURE_WIDTH:g} {height:.0f}" '
            f'font-family="sans-serif" font-size="13" role="img" aria-label="Section of {escape(model.name)}">',
            f'<rect width="{PICTURE_WIDTH:g}" height="{height:.0f}" fill="#ffffff"/>',
            f'<text x="{MARGIN:g}" y="{MARGIN:g}" font-weight="bold">{escape(title)}</text>',
            *shapes,
            *lines,
            *legend,
            "</svg>",
        ]
    )


def _legend(model: SeedModel, colour: dict[str, str], top: float, scale: float) -> tuple[list[str], float]:
    """Scale bar, media with their densities, and the active parts; and the picture's height."""
    bar = 0.1 * scale
    parts = [
        f'<path d="M{MARGIN:g},{top:.1f} h{bar:.2f}" stroke="#000000" stroke-width="2"/>',
        f'<text x="{MARGIN + bar + 8:.1f}" y="{top + 4:.1f}">1 mm; length {20.0 * model.half_length:.2f} mm, '
        f"diameter {20.0 * model.radius:.3f} mm</text>",
    ]
    y = top + LINE_HEIGHT
    for medium in model.materials:
        bodies = ", ".join(dict.fromkeys(s.name for s in model.solids if s.material == medium.name))
        parts.append(
            f'<rect x="{MARGIN:g}" y="{y - 6:.1f}" width="14" height="12" fill="{colour[medium.name]}" '
            f'stroke="#666666"/><text x="{MARGIN + 22:g}" y="{y + 4:.1f}">'
            f"{escape(medium.name)}, {medium.density:g} g/cm³ ({escape(bodies)})</text>"
        )
        y += LINE_HEIGHT
    whole = sum(weight for _, weight in model.active)
    active = ", ".join(f"{name} {100.0 * weight / whole:.4g} %" for name, weight in model.active)
    parts.append(
        f'<rect x="{MARGIN:g}" y="{y - 6:.1f}" width="14" height="12" fill="{ACTIVE_COLOUR}" fill-opacity="0.35" '
        f'stroke="{ACTIVE_COLOUR}"/><text x="{MARGIN + 22:g}" y="{y + 4:.1f}">active: {escape(active)}</text>'
    )
    return parts, y + LINE_HEIGHT
