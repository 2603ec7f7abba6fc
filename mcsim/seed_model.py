"""A seed model: coaxial solids in nesting order, their materials, where the activity sits, and what it emits."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcsim.invalid_input import InvalidInput
from mcsim.kernels.seed_emission import ActiveLayer
from mcsim.kernels.solids import Solids
from mcsim.materials import material

FloatArray = NDArray[np.float64]
SHAPES = ("cylinder", "cone", "sphere")


@dataclass(frozen=True)
class Solid:
    """One solid of revolution about the seed's long axis, {ρ² ≤ a + b z + c z², z_min ≤ z ≤ z_max}, cm."""

    name: str
    material: str
    profile: tuple[float, float, float]
    z_min: float
    z_max: float

    def radius_squared(self, z: FloatArray) -> FloatArray:
        """ρ² of the surface at the heights `z`, cm²."""
        a, b, c = self.profile
        return np.maximum(a + z * (b + z * c), 0.0)


@dataclass(frozen=True)
class Spectrum:
    """Photon lines of a radionuclide: energies in keV, photons per decay, half-life in days."""

    name: str
    energy_kev: tuple[float, ...]
    photons_per_decay: tuple[float, ...]
    half_life_d: float
    source: str


@dataclass(frozen=True)
class SeedModel:
    """A seed as data.

    Attributes
    ----------
    name : str
        Model name.
    solids : tuple of Solid
        In nesting order: where solids overlap, the later one counts.
    outer : str
        Name of the solids that bound the seed; they come first and their union is convex.
    active : str
        Name of the solids whose visible part holds the activity, uniformly by volume.
    spectrum : Spectrum
        What is emitted.
    mirror_symmetric : bool
        The model is its own mirror image about its middle plane.
    source : str
        Publication of the geometry.
    """

    name: str
    solids: tuple[Solid, ...]
    outer: str
    active: str
    spectrum: Spectrum
    mirror_symmetric: bool
    source: str

    @property
    def media(self) -> tuple[str, ...]:
        """Names of the materials, each once, in the order of their first solid."""
        return tuple(dict.fromkeys(solid.material for solid in self.solids))

    @property
    def radius(self) -> float:
        """Outer radius, cm."""
        return float(np.sqrt(max(_largest_radius_squared(s) for s in self.solids if s.name == self.outer)))

    @property
    def half_length(self) -> float:
        """Largest distance of the surface from the middle plane, along the axis, cm."""
        return max(max(-s.z_min, s.z_max) for s in self.solids if s.name == self.outer)

    def digest(self) -> str:
        """SHA-256 of everything that decides what the seed emits and how it attenuates."""
        content = repr(
            [
                (self.solids, self.outer, self.active, self.mirror_symmetric),
                [(m, sorted(material(m).fractions.items()), material(m).density) for m in self.media],
                (self.spectrum.energy_kev, self.spectrum.photons_per_decay),
            ]
        )
        return hashlib.sha256(content.encode()).hexdigest()

    def kernel_solids(self, first_medium: int) -> Solids:
        """Arrays for the kernels; the seed's media stand in the tables from index `first_medium` on."""
        media = self.media
        return Solids(
            profile=np.array([s.profile for s in self.solids]),
            z_min=np.array([s.z_min for s in self.solids]),
            z_max=np.array([s.z_max for s in self.solids]),
            medium=np.array([first_medium + media.index(s.material) for s in self.solids], dtype=np.int64),
            density=np.array([material(s.material).density for s in self.solids]),
            outer_count=sum(s.name == self.outer for s in self.solids),
            # A ray at grazing incidence must not be turned away by the round-off of this quick test.
            outer_radius=self.radius * (1.0 + 1e-9),
            half_length=self.half_length,
        )

    def active_layer(self) -> ActiveLayer:
        """The active region cut at every solid's end planes into rings between two solids."""
        planes = np.unique([z for s in self.solids for z in (s.z_min, s.z_max)])
        parts = []
        nodes, weights = np.polynomial.legendre.leggauss(16)
        for low, high in pairwise(planes):
            middle = np.array([0.5 * (low + high)])
            here = [s for s in self.solids if s.z_min <= middle[0] <= s.z_max]
            last = max((k for k, s in enumerate(here) if s.name == self.active), default=None)
            if last is None:
                continue
            outer, inside = here[last], here[last + 1 :]
            inner = max(inside, key=lambda s: float(s.radius_squared(middle)[0]), default=None)
            z = 0.5 * (high + low) + 0.5 * (high - low) * nodes
            ring = outer.radius_squared(z) - (inner.radius_squared(z) if inner else 0.0)
            if np.all(ring <= 0.0):
                continue
            dense = np.linspace(low, high, 201)
            rings = outer.radius_squared(dense) - (inner.radius_squared(dense) if inner else 0.0)
            volume = float(0.5 * (high - low) * (ring * weights).sum())
            parts.append(
                (volume, low, high, outer.profile, inner.profile if inner else (0.0, 0.0, 0.0), rings.max())
            )
        if not parts:
            raise InvalidInput(
                f"active region of {self.name} is empty, expected solids named {self.active!r} that later solids "
                f"do not cover. Correct the seed file."
            )
        volumes = np.array([part[0] for part in parts])
        cumulative = np.cumsum(volumes) / volumes.sum()
        cumulative[-1] = 1.0
        lines = np.cumsum(self.spectrum.photons_per_decay) / sum(self.spectrum.photons_per_decay)
        lines[-1] = 1.0
        return ActiveLayer(
            cumulative_volume=cumulative,
            z_min=np.array([part[1] for part in parts]),
            z_max=np.array([part[2] for part in parts]),
            outer=np.array([part[3] for part in parts]),
            inner=np.array([part[4] for part in parts]),
            # sampled maximum of a smooth profile: a little above it keeps the rejection unbiased
            largest_ring=np.array([part[5] for part in parts]) * (1.0 + 1e-3),
            line_energy=np.array(self.spectrum.energy_kev),
            line_cumulative=lines,
        )


def _largest_radius_squared(solid: Solid) -> float:
    return float(solid.radius_squared(np.linspace(solid.z_min, solid.z_max, 401)).max())


def _solid(entry: dict[str, Any], model: str) -> Solid:
    z_min, z_max = entry["z"]
    shape = entry["shape"]
    if shape not in SHAPES:
        raise InvalidInput(
            f"shape of {entry['name']} in {model} is {shape!r}, expected one of {', '.join(SHAPES)}. Correct it."
        )
    if not z_min < z_max:
        raise InvalidInput(
            f"z of {entry['name']} in {model} is {entry['z']} cm, expected ascending. Correct the seed file."
        )
    material(entry["material"])
    if shape == "cylinder":
        profile = (entry["radius"] ** 2, 0.0, 0.0)
    elif shape == "cone":
        r0, r1 = entry["radii"]
        slope = (r1 - r0) / (z_max - z_min)
        offset = r0 - slope * z_min
        profile = (offset**2, 2.0 * offset * slope, slope**2)
    else:
        centre = entry.get("centre", 0.0)
        profile = (entry["radius"] ** 2 - centre**2, 2.0 * centre, -1.0)
    return Solid(entry["name"], entry["material"], profile, z_min, z_max)


@lru_cache(maxsize=1)
def _packaged() -> dict[str, dict[str, Any]]:
    entries = {}
    for resource in (files("mcsim.data") / "seeds").iterdir():
        if resource.name.endswith(".json"):
            entry = json.loads(resource.read_text(encoding="utf-8"))
            entries[entry["name"]] = entry
    return dict(sorted(entries.items()))


def load_spectrum(name: str) -> Spectrum:
    """A packaged photon spectrum.

    Examples
    --------
    >>> load_spectrum("i125_ncrp58").energy_kev[1]
    27.4723
    """
    folder = files("mcsim.data") / "spectra"
    known = sorted(r.name.removesuffix(".json") for r in folder.iterdir() if r.name.endswith(".json"))
    if name not in known:
        raise InvalidInput(f"spectrum is {name!r}, expected one of {', '.join(known)}. Use a known name.")
    entry = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return Spectrum(
        entry["name"],
        tuple(entry["energy_kev"]),
        tuple(entry["photons_per_decay"]),
        entry["half_life_d"],
        entry["source"],
    )


def load_seed_model(name: str, spectrum: str | None = None) -> SeedModel:
    """A packaged seed model.

    Parameters
    ----------
    name : str
        Model name or alias.
    spectrum : str, optional
        Photon spectrum to use instead of the model's own.

    Returns
    -------
    SeedModel

    Raises
    ------
    InvalidInput
        No model has this name; the known ones are listed.

    Examples
    --------
    >>> round(load_seed_model("6711").half_length, 4)
    0.2275
    """
    for entry in _packaged().values():
        if name == entry["name"] or name in entry.get("aliases", ()):
            return SeedModel(
                name=entry["name"],
                solids=tuple(_solid(s, entry["name"]) for s in entry["solids"]),
                outer=entry["outer"],
                active=entry["active"],
                spectrum=load_spectrum(spectrum or entry["spectrum"]),
                mirror_symmetric=bool(entry["mirror_symmetric"]),
                source=entry["source"],
            )
    raise InvalidInput(f"seed model is {name!r}, expected one of {', '.join(_packaged())}. Use a known name.")
