"""Single interactions: which one happens, at which angle, with which energy, and what fluorescence follows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mcsim.cross_sections import element_table
from mcsim.kernels.interaction import COHERENT, INCOHERENT, PHOTOELECTRIC
from mcsim.kernels.tables import ELECTRON_MASS_KEV, HC_KEV_ANGSTROM, MediumTables
from mcsim.materials import material
from mcsim.medium_tables import build_medium_tables, coherent_guide
from mcsim.physics_settings import PhysicsSettings
from validation.record.check import Check, Citation
from validation.record.photon_beams import FloatArray, at_energy, interactions, of_one_kind
from validation.record.references import against_publication, citation, published_data, published_value
from validation.record.room import Effort, Figure, Panel, Room, Series

GROUP = "Interactions"
ENERGY = 27.4723
MEDIA = ("water", "cortical_bone", "titanium", "silver")
AVOGADRO = 6.02214076e23  # 1/mol
ELECTRON_RADIUS_CM = 2.8179403262e-13
CM2_PER_BARN = 1e-24
Density = Callable[[FloatArray], FloatArray]


def interaction_oracles(effort: Effort) -> Room:
    """Oracles 4, 5 and 6: shares, Klein-Nishina and Rayleigh; and what µ_en leaves out is transported."""
    room = Room()
    room.checks += _split(effort)
    room.checks.append(_free_electron_cross_section())
    room.checks += _free_electrons(effort)
    room.checks += _points(effort)
    for process in ("incoherent", "coherent"):
        checks, figure = _bound(effort, process)
        room.checks += checks
        room.figures.append(figure)
    room.checks += _energy_absorption(effort)
    room.checks += _k_yields()
    return room


def _tables(name: str) -> MediumTables:
    return build_medium_tables([material(name)])


def _split(effort: Effort) -> list[Check]:
    count = effort.pick(1_000_000, 20_000_000)
    _, _, processes = interactions(_tables("water"), 28.0, count, "split")
    published = published_data("published_values")["interaction_split_water_28_kev"]
    xcom = citation(published["source"])
    checks = []
    for name, process in (
        ("photoelectric", PHOTOELECTRIC),
        ("incoherent", INCOHERENT),
        ("coherent", COHERENT),
    ):
        percent = published["percent"][name]
        checks.append(
            Check(
                f"{name} share in water at 28 keV",
                GROUP,
                f"share of {name} interactions in water at 28 keV",
                "%",
                100.0 * float(np.mean(processes == process)),
                float(np.sqrt(percent * (100.0 - percent) / count)),
                percent,
                Citation(f"oracle 4: {xcom.text}", xcom.doi),
                published["relative_tolerance"] * percent + published["tolerance"],
                published["reason"],
            )
        )
    return checks


def _moment_check(name: str, words: str, values: FloatArray, expected: float, source: str) -> Check:
    return Check(
        name,
        GROUP,
        words,
        "1",
        float(values.mean()),
        float(values.std() / np.sqrt(len(values))),
        expected,
        Citation(source),
        relative=False,
    )


def _free_electrons(effort: Effort) -> list[Check]:
    """Klein-Nishina alone: S = 1."""
    tables = of_one_kind(_tables("water"), "incoherent")
    tables = tables._replace(incoherent_function=np.ones_like(tables.incoherent_function))
    energies, cosines, _ = interactions(tables, ENERGY, effort.pick(500_000, 20_000_000), "free electrons")
    density = _klein_nishina(ENERGY)
    source = "oracle 5: Klein-Nishina, moments by quadrature"
    what = f"scattering of {ENERGY} keV by free electrons"
    return [
        _moment_check(
            "⟨cos θ⟩ of Klein-Nishina", f"mean cosine, {what}", cosines, _moment(density, lambda c: c), source
        ),
        _moment_check(
            "⟨cos² θ⟩ of Klein-Nishina",
            f"mean squared cosine, {what}",
            cosines**2,
            _moment(density, np.square),
            source,
        ),
        _moment_check(
            "⟨T/E⟩ of Klein-Nishina",
            f"mean share of energy given to the electron, {what}",
            1.0 - energies / ENERGY,
            _moment(density, lambda c: 1.0 - _energy_ratio(ENERGY, c)),
            source,
        ),
    ]


def _free_electron_cross_section() -> Check:
    """Cross section of a free electron, from the tables of water without binding, against the closed formula."""
    water = material("water")
    tables = build_medium_tables([water], PhysicsSettings(incoherent="free_electrons"))
    electrons = AVOGADRO * sum(
        fraction * element_table(s).atomic_number / element_table(s).atomic_weight
        for s, fraction in water.fractions.items()
    )
    k = ENERGY / ELECTRON_MASS_KEV
    log = np.log1p(2.0 * k)
    formula = (
        (1.0 + k) / k**2 * (2.0 * (1.0 + k) / (1.0 + 2.0 * k) - log / k)
        + log / (2.0 * k)
        - (1.0 + 3.0 * k) / (1.0 + 2.0 * k) ** 2
    )
    return Check(
        "Klein-Nishina cross section",
        GROUP,
        f"cross section of a free electron at {ENERGY} keV",
        "barn",
        at_energy(tables.incoherent, tables, ENERGY) / electrons / CM2_PER_BARN,
        0.0,
        float(2.0 * np.pi * ELECTRON_RADIUS_CM**2 * formula / CM2_PER_BARN),
        Citation("oracle 5: Klein-Nishina formula"),
        1e-5,
        "linear interpolation in bins of 10 eV; constants of CODATA 2018",
    )


def _points(effort: Effort) -> list[Check]:
    """Rayleigh scattering by points: F = 1."""
    tables = of_one_kind(_tables("water"), "coherent")
    nodes = tables.momentum_transfer_max * np.linspace(0.0, 1.0, tables.coherent_integral.shape[1]) ** 2
    integral = nodes[None, :] ** 2
    tables = tables._replace(coherent_integral=integral, coherent_guide=coherent_guide(integral))
    _, cosines, _ = interactions(tables, ENERGY, effort.pick(500_000, 20_000_000), "points")
    source = "oracle 6: (1 + cos² θ), integrated"
    return [
        _moment_check(
            "⟨cos θ⟩ of points", "mean cosine, coherent scattering with F = 1", cosines, 0.0, source
        ),
        _moment_check(
            "⟨cos² θ⟩ of points",
            "mean squared cosine, coherent scattering with F = 1",
            cosines**2,
            0.4,
            source,
        ),
    ]


def _energy_ratio(energy: float, cosine: FloatArray) -> FloatArray:
    return 1.0 / (1.0 + energy / ELECTRON_MASS_KEV * (1.0 - cosine))


def _klein_nishina(energy: float) -> Density:
    def density(c: FloatArray) -> FloatArray:
        q = _energy_ratio(energy, c)
        return q * q * (q + 1.0 / q - 1.0 + c * c)

    return density


def _of_atoms(name: str, process: str) -> Density:
    """Angular density of a bound process at the record's energy, from the elements' own tables."""
    parts = [
        (f / element_table(s).atomic_weight, element_table(s)) for s, f in material(name).fractions.items()
    ]

    def density(c: FloatArray) -> FloatArray:
        x = ENERGY / HC_KEV_ANGSTROM * np.sqrt(0.5 * (1.0 - c))
        if process == "incoherent":
            s = sum(a * np.interp(x, e.momentum_transfer, e.incoherent_scattering_function) for a, e in parts)
            return np.asarray(_klein_nishina(ENERGY)(c) * s)
        f2 = sum(a * np.interp(x, e.momentum_transfer, e.form_factor) ** 2 for a, e in parts)
        return np.asarray((1.0 + c * c) * f2)

    return density


def _nodes(low: float = -1.0, high: float = 1.0, pieces: int = 400) -> tuple[FloatArray, FloatArray]:
    """Quadrature in the cosine: 8 nodes in each piece, pieces short near 1 where form factors peak."""
    cuts = high - (high - low) * np.linspace(1.0, 0.0, pieces + 1) ** 3
    nodes, weights = np.polynomial.legendre.leggauss(8)
    half = 0.5 * np.diff(cuts)
    return (0.5 * (cuts[1:] + cuts[:-1])[:, None] + half[:, None] * nodes).ravel(), (
        half[:, None] * weights
    ).ravel()


def _moment(density: Density, of: Density) -> float:
    c, w = _nodes()
    weight = w * density(c)
    return float((weight * of(c)).sum() / weight.sum())


def _bound(effort: Effort, process: str) -> tuple[list[Check], Figure]:
    """Scattering with S(x) or F(x) in several media: moments, and the whole distribution in water."""
    count = effort.pick(300_000, 5_000_000)
    checks, series = [], []
    function = "S(x)" if process == "incoherent" else "F(x)"
    for name in MEDIA:
        density = _of_atoms(name, process)
        _, cosines, _ = interactions(of_one_kind(_tables(name), process), ENERGY, count, f"{process} {name}")
        words = f"{process} scattering of {ENERGY} keV in {name.replace('_', ' ')}"
        for power, symbol in ((1, "⟨cos θ⟩"), (2, "⟨cos² θ⟩")):
            expected = _moment(density, lambda c: c) if power == 1 else _moment(density, np.square)
            values = cosines**power
            checks.append(
                Check(
                    f"{symbol} {process}, {name}",
                    GROUP,
                    f"{symbol}, {words}",
                    "1",
                    float(values.mean()),
                    float(values.std() / np.sqrt(count)),
                    expected,
                    Citation(f"oracles 5, 6: quadrature over the published {function}"),
                    0.0 if process == "incoherent" else 2e-4,
                    ""
                    if process == "incoherent"
                    else "F² is integrated by trapezoids of 513 nodes in the kernels' tables",
                    relative=False,
                )
            )
        if name in ("water", "silver"):
            series += _distribution(name, cosines, density)
    figure = Figure(
        f"{process}_angle",
        GROUP,
        f"Cosine of the scattering angle, {process}, {ENERGY} keV: sampled and from the published {function}.",
        "cos θ",
        (Panel("probability density", tuple(series), log_y=process == "coherent"),),
    )
    return checks, figure


def _distribution(name: str, cosines: FloatArray, density: Density) -> list[Series]:
    counts, edges = np.histogram(cosines, bins=40, range=(-1.0, 1.0))
    width = edges[1] - edges[0]
    total = len(cosines) * width
    c, w = _nodes()
    norm = float((w * density(c)).sum())
    line = np.linspace(-1.0, 1.0, 201)
    centres = tuple((0.5 * (edges[1:] + edges[:-1])).tolist())
    return [
        Series(
            f"{name}, sampled",
            centres,
            tuple((counts / total).tolist()),
            tuple((np.sqrt(counts) / total).tolist()),
        ),
        Series(
            f"{name}, published",
            tuple(line.tolist()),
            tuple((density(line) / norm).tolist()),
            (),
            "reference line",
        ),
    ]


def _energy_absorption(effort: Effort) -> list[Check]:
    """µ_en/µ is the mean share of energy that an interaction leaves behind: what µ_en leaves out is transported."""
    checks, count = [], effort.pick(300_000, 5_000_000)
    for name in ("water", "cortical_bone", "titanium", "silver", "silver_halide_6711"):
        for energy in (ENERGY, 35.4919):
            tables = _tables(name)
            after, _, processes = interactions(tables, energy, count, f"µ_en {name} {energy}")
            total = at_energy(tables.total, tables, energy)
            chances = {
                INCOHERENT: at_energy(tables.incoherent, tables, energy) / total,
                COHERENT: at_energy(tables.coherent, tables, energy) / total,
            }
            chances[PHOTOELECTRIC] = 1.0 - sum(chances.values())
            kept, value, variance = 1.0 - after / energy, 0.0, 0.0
            for process, chance in chances.items():
                here = kept[processes == process]
                value += chance * float(here.mean())
                variance += chance**2 * float(here.var()) / len(here)
            checks.append(
                Check(
                    f"energy left in {name} at {energy:g} keV",
                    GROUP,
                    f"mean share of energy left by an interaction in {name.replace('_', ' ')} at {energy:g} keV",
                    "1",
                    value,
                    float(np.sqrt(variance)),
                    at_energy(tables.energy_absorption, tables, energy) / total,
                    Citation("µ_en/µ of the same cross sections: what µ_en leaves out is transported"),
                    1e-5,
                    "line probabilities are constant within a bin of 10 eV",
                    relative=False,
                )
            )
    return checks


def _k_yields() -> list[Check]:
    return [
        against_publication(
            f"K fluorescence yield of {symbol}",
            GROUP,
            f"K fluorescence yield of {symbol}",
            float(element_table(symbol).shell_yield[0]),
            0.0,
            published_value(f"K yield of {symbol}"),
        )
        for symbol in ("Ag", "Ti")
    ]
