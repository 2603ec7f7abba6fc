"""A seed model: coaxial solids in nesting order, their materials, where the activity sits, and what it emits."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcsim.file_entry import number, text
from mcsim.invalid_input import InvalidInput
from mcsim.kernels.seed_emission import ActiveLayer
from mcsim.kernels.solids import Solids
from mcsim.materials import Material
from mcsim.seed_check import check_seed
from mcsim.seed_file import find_seed_entry, packaged_seed_entries, read_active, read_materials, read_solids
from mcsim.seed_solids import Solid, Zone, largest_radius_squared, zones
from mcsim.spectrum import Spectrum, load_spectrum, spectrum_from_entry


@dataclass(frozen=True)
class SeedModel:
    """A seed as data.

    Attributes
    ----------
    name : str
        Model name.
    solids : tuple of Solid
        In nesting order: where solids overlap, the later one counts.
    materials : tuple of Material
        Media, each once, in the order of their first solid.
    outer : str
        Name of the solids that bound the seed; they come first and their union is convex.
    active : tuple of (str, float)
        Active parts: name of the solids whose visible part holds the activity, uniformly by volume, and the weight
        of the part among all.
    spectrum : Spectrum
        What is emitted.
    mirror_symmetric : bool
        The model is its own mirror image about its middle plane.
    source : str
        Publication of the geometry.
    stated_active_length : float or None
        Length of the line that stands for the activity in TG-43, cm, where the seed file gives one.
    """

    name: str
    solids: tuple[Solid, ...]
    materials: tuple[Material, ...]
    outer: str
    active: tuple[tuple[str, float], ...]
    spectrum: Spectrum
    mirror_symmetric: bool
    source: str
    stated_active_length: float | None = None

    @property
    def media(self) -> tuple[str, ...]:
        """Names of the materials."""
        return tuple(medium.name for medium in self.materials)

    @property
    def radius(self) -> float:
        """Outer radius, cm."""
        return float(np.sqrt(max(largest_radius_squared(s) for s in self.solids if s.name == self.outer)))

    @property
    def half_length(self) -> float:
        """Largest distance of the surface from the middle plane, along the axis, cm."""
        return max(max(-s.z_min, s.z_max) for s in self.solids if s.name == self.outer)

    @property
    def active_length(self) -> float:
        """Length of the line that stands for the activity, cm: as stated, else the activity's extent along the axis.

        Examples
        --------
        >>> load_seed_model("6711").active_length
        0.3
        """
        if self.stated_active_length is not None:
            return self.stated_active_length
        rings = [zone for zone, _ in self.active_zones()]
        return max(ring.z_max for ring in rings) - min(ring.z_min for ring in rings)

    def digest(self) -> str:
        """SHA-256 of everything that decides what the seed emits and how it attenuates."""
        content = repr(
            [
                (self.solids, self.outer, self.active, self.mirror_symmetric),
                [(m.name, sorted(m.fractions.items()), m.density) for m in self.materials],
                (self.spectrum.energy_kev, self.spectrum.photons_per_decay),
            ]
        )
        return hashlib.sha256(content.encode()).hexdigest()

    def kernel_solids(self, first_medium: int) -> Solids:
        """Arrays for the kernels; the seed's media stand in the tables from index `first_medium` on."""
        media = self.media
        density = {medium.name: medium.density for medium in self.materials}
        return Solids(
            profile=np.array([s.profile for s in self.solids]),
            z_min=np.array([s.z_min for s in self.solids]),
            z_max=np.array([s.z_max for s in self.solids]),
            medium=np.array([first_medium + media.index(s.material) for s in self.solids], dtype=np.int64),
            density=np.array([density[s.material] for s in self.solids]),
            outer_count=sum(s.name == self.outer for s in self.solids),
            # A ray at grazing incidence must not be turned away by the round-off of this quick test.
            outer_radius=self.radius * (1.0 + 1e-9),
            half_length=self.half_length,
        )

    def active_zones(self) -> list[tuple[Zone, float]]:
        """Visible rings of the active parts and the share of the activity in each.

        A part's weight is spread over its visible volume,

            share = w_p / Σ w · V_ring / V_p.

        Raises
        ------
        InvalidInput
            A part has no visible ring.

        Examples
        --------
        >>> side = load_seed_model("6711").active_zones()[2]
        >>> round(2.0 * side[0].z_max, 3), round(side[1], 2)  # the cylinder of the rod's coating
        (0.265, 0.91)
        """
        visible = zones(self.solids)
        parts = [[zone for zone in visible if zone.solid.name == name] for name, _ in self.active]
        for (name, _), rings in zip(self.active, parts, strict=True):
            if not rings:
                raise InvalidInput(
                    f"active region of {self.name} is empty, expected a part of {name!r} that later solids do not "
                    f"cover. Correct the seed file."
                )
        volumes = [np.array([ring.volume() for ring in rings]) for rings in parts]
        whole, weights = sum(v.sum() for v in volumes), sum(weight for _, weight in self.active)
        # For one part the factor is exactly 1: its volumes are used as they are.
        scaled = [
            v * ((w / weights) / (v.sum() / whole)) for v, (_, w) in zip(volumes, self.active, strict=True)
        ]
        share = np.concatenate(scaled)
        return list(
            zip([ring for rings in parts for ring in rings], (share / share.sum()).tolist(), strict=True)
        )

    def active_layer(self) -> ActiveLayer:
        """The active parts as rings between two solids, for the emission kernel."""
        rings, shares = zip(*self.active_zones(), strict=True)
        cumulative = np.cumsum(shares)
        cumulative[-1] = 1.0
        lines = np.cumsum(self.spectrum.photons_per_decay) / sum(self.spectrum.photons_per_decay)
        lines[-1] = 1.0
        largest = [float(ring.ring(np.linspace(ring.z_min, ring.z_max, 201)).max()) for ring in rings]
        return ActiveLayer(
            cumulative_volume=cumulative,
            z_min=np.array([ring.z_min for ring in rings]),
            z_max=np.array([ring.z_max for ring in rings]),
            outer=np.array([ring.solid.profile for ring in rings]),
            inner=np.array([ring.inner.profile if ring.inner else (0.0, 0.0, 0.0) for ring in rings]),
            # sampled maximum of a smooth profile: a little above it keeps the rejection unbiased
            largest_ring=np.array(largest) * (1.0 + 1e-3),
            line_energy=np.array(self.spectrum.energy_kev),
            line_cumulative=lines,
        )


def seed_model_names() -> tuple[str, ...]:
    """Names of the packaged seed models.

    Examples
    --------
    >>> "OncoSeed 6711" in seed_model_names()
    True
    """
    return tuple(packaged_seed_entries())


def load_seed_model(name_or_path: str | Path, spectrum: str | None = None) -> SeedModel:
    """A packaged seed model, or one from a user's seed file; both are checked.

    Parameters
    ----------
    name_or_path : str or path
        Model name or alias, or the path of a seed file (JSON; see ``docs/seeds.md``).
    spectrum : str, optional
        Packaged photon spectrum to use instead of the model's own.

    Returns
    -------
    SeedModel

    Raises
    ------
    InvalidInput
        No model or file has this name (the known ones are listed), or the file does not describe a seed.

    Examples
    --------
    >>> round(load_seed_model("6711").half_length, 4)
    0.2275
    """
    entry = find_seed_entry(name_or_path)
    name = text(entry["name"], f"name of the seed file {name_or_path}")
    library = read_materials(entry, name)
    solids = read_solids(entry, name, library)
    active = read_active(entry, name)
    mirror_symmetric, outer = entry["mirror_symmetric"], text(entry["outer"], f"outer of {name}")
    if not isinstance(mirror_symmetric, bool):
        raise InvalidInput(
            f"mirror_symmetric of {name} is {mirror_symmetric!r}, expected true or false. Correct the file."
        )
    check_seed(name, solids, outer, active, mirror_symmetric)
    own = entry["spectrum"]
    lines = load_spectrum(own) if isinstance(own, str) else spectrum_from_entry(own, name)
    if spectrum is not None:
        radionuclide, lines = lines.radionuclide, load_spectrum(spectrum)
        if lines.radionuclide != radionuclide:
            raise InvalidInput(
                f"spectrum is {spectrum!r} of {lines.radionuclide}, expected one of {radionuclide} (the seed "
                f"{name} holds it). Choose another spectrum."
            )
    return SeedModel(
        name=name,
        solids=solids,
        materials=tuple(library[m] for m in dict.fromkeys(s.material for s in solids)),
        outer=outer,
        active=active,
        spectrum=lines,
        mirror_symmetric=mirror_symmetric,
        source=text(entry["source"], f"source of {name}"),
        stated_active_length=(
            number(entry["active_length"], f"active_length of {name}", "cm")
            if "active_length" in entry
            else None
        ),
    )
