"""The packaged TG-43 tables: which seeds have one, where its values come from, and what they say."""

from __future__ import annotations

import numpy as np

from tg43 import SourceData, load_source, read_source
from tg43.formalism import radial_dose_function_point
from tg43.source_data_catalogue import CataloguedSeed, catalogue, catalogued
from tg43.source_data_checks import anisotropy_factor_of_tables, unevenness
from validation.case.seed_choice import packaged_name
from validation.studies.inspect_section import Section, facts

TIMES = ("none", "one", "two", "three")
_TABLES = {
    "dose_rate_constant": "Λ",
    "radial_dose_function": "g_L",
    "anisotropy_function": "F",
    "anisotropy_factor": "φ_an",
    "printed_anisotropy_factor": "φ_an as printed",
}


def describe_seed_tables() -> list[Section]:
    """Sections on the seeds with published TG-43 data: one line each, their names, and the publications.

    Returns
    -------
    list of Section
    """
    heading = (
        "seed", "L / cm", "Λ", "our Λ", "g_L / cm", "F / cm", "F angles", "from", "transcribed", "simulated",
    )  # fmt: skip
    seeds = catalogue()
    rows = tuple(_line(seed) for seed in seeds)
    names = tuple((seed.source.name, seed.manufacturer, ", ".join(seed.aliases)) for seed in seeds)
    sources = {seed.short_reference: f"{seed.source.reference}, doi:{seed.source.doi}" for seed in seeds}
    notes = (
        (
            "Λ",
            "dose-rate constant in cGy h⁻¹ U⁻¹; ours: of the packaged Monte Carlo table, type A (k = 1) in brackets",
        ),
        ("g_L, F", "distances of the table, first – last; number of angles of F from 0 to 90°"),
        (
            "from",
            "publication, see below; with a question mark the likely one, which the transcription does not name",
        ),
        ("transcribed", "independent transcriptions that agree; with one, the table rests on it"),
        ("simulated", "whether the solids of the seed are known, which Monte Carlo needs"),
    )
    return [
        Section("TG-43 tables of seeds", heading, rows),
        facts("What the columns mean", notes),
        facts("Publications", tuple(sources.items())),
        Section("Makers and names", ("seed", "maker", "also found as"), names),
    ]


def describe_seed(name: str) -> list[Section]:
    """Sections on the TG-43 tables of one seed.

    Parameters
    ----------
    name : str
        Name or alias as `tg43.load_source` takes it; or ``mc:NAME`` or a file, as `tg43.read_source` takes it.

    Returns
    -------
    list of Section

    Raises
    ------
    tg43.InvalidInput
        No packaged seed has this name, or the file is not a seed data file.
    """
    outside = ":" in name or name.endswith(".json")
    source = read_source(name) if outside else load_source(packaged_name(name) or name)
    seed = catalogued(source)
    sections = [facts(source.name, tuple(_facts(source, seed)))]
    sections += [_radial_table(source), _anisotropy_factor_table(source, seed), _anisotropy_table(source)]
    if seed is not None:
        sections.append(_origin_table(seed))
        if seed.cautions:
            sections.append(_numbered("Cautions", seed.cautions))
    return [*sections, _numbered("Provenance", source.provenance)]


def _line(seed: CataloguedSeed) -> tuple[str, ...]:
    source = seed.source
    return (
        source.name,
        f"{source.active_length:g}",
        f"{source.dose_rate_constant:.3f}",
        _own_constant(seed),
        _range(source.radial_distances),
        _range(source.anisotropy_distances),
        str(len(source.anisotropy_angles)),
        seed.short_reference,
        TIMES[seed.transcriptions],
        "yes" if packaged_name(source.name) else "no",
    )


def _facts(source: SourceData, seed: CataloguedSeed | None) -> list[tuple[str, str]]:
    found = [("maker", seed.manufacturer), ("also", ", ".join(seed.aliases))] if seed else []
    kind = "the project's own Monte Carlo"
    if seed is not None and source is seed.source:
        kind = "consensus" if seed.consensus else "one publication, no consensus"
    found += [
        ("values", kind),
        ("radionuclide", f"{source.radionuclide}, half-life {source.half_life:g} d"),
        ("dose-rate constant Λ", f"{source.dose_rate_constant:g} cGy h⁻¹ U⁻¹"),
    ]
    if seed is not None and seed.monte_carlo is not None:
        found.append(("Λ of our Monte Carlo table", f"{_own_constant(seed)} (mc:{source.name})"))
    return [
        *found,
        ("active length L", f"{source.active_length:g} cm"),
        ("capsule", f"{source.capsule_length:g} cm long, {2 * source.capsule_radius:g} cm thick, "
                    f"{source.capsule_ends} ends"),
        ("reference", source.reference + (f", doi:{source.doi}" if source.doi else "")),
        ("Monte Carlo", "can be simulated" if packaged_name(_plain_name(source)) else
                        "its solids are not known: TG-43 only"),
    ]  # fmt: skip


def _radial_table(source: SourceData) -> Section:
    """g_L, g_P as it follows from it and as tabulated, and how far g_L is from a smooth curve."""
    r, off = source.radial_distances, unevenness(source)
    derived = radial_dose_function_point(r, source)
    tabulated = source.radial_dose_point if len(source.radial_dose_point) else np.full(len(r), np.nan)
    rows = tuple(
        (f"{at:g}", f"{g:g}", f"{p:.4f}", _number(q, "g"), _number(100 * d, "+.1f"))
        for at, g, p, q, d in zip(r, source.radial_dose, derived, tabulated, off, strict=True)
    )
    heading = ("r / cm", "g_L", "g_P from g_L", "g_P tabulated", "off a smooth curve / %")
    return Section("Radial dose function", heading, rows)


def _anisotropy_factor_table(source: SourceData, seed: CataloguedSeed | None) -> Section:
    """φ_an in use, as it follows from F, and as printed."""
    published = seed is not None and source is seed.source
    from_f = dict(zip(source.anisotropy_distances.tolist(), anisotropy_factor_of_tables(source), strict=True))
    used = dict(zip(source.anisotropy_factor_distances.tolist(), source.anisotropy_factor, strict=True))
    printed: dict[float, float] = {}
    if seed is not None and published:
        printed = dict(
            zip(seed.printed_distances.tolist(), seed.printed_anisotropy_factor.tolist(), strict=True)
        )
        if seed.origins["anisotropy_factor"].doi:
            printed = {r: float(value) for r, value in used.items()}
    rows = tuple(
        (f"{r:g}", *(_number(table.get(r, np.nan), ".4f") for table in (used, from_f, printed)))
        for r in sorted({*used, *from_f, *printed})
    )
    return Section("1D anisotropy function φ_an", ("r / cm", "in use", "from F", "printed"), rows)


def _anisotropy_table(source: SourceData) -> Section:
    heading = ("θ / °", *(f"{r:g} cm" for r in source.anisotropy_distances))
    rows = tuple(
        (f"{theta:g}", *(f"{value:.3f}" for value in column))
        for theta, column in zip(
            np.rad2deg(source.anisotropy_angles).round(6), source.anisotropy.T, strict=True
        )
    )
    return Section("Anisotropy function F", heading, rows)


def _origin_table(seed: CataloguedSeed) -> Section:
    rows = tuple(
        (_TABLES[name], TIMES[origin.transcriptions], origin.reference + (f", doi:{origin.doi}" if origin.doi else ""))
        for name, origin in seed.origins.items()
    )  # fmt: skip
    return Section("Where the published tables come from", ("table", "transcribed", "reference"), rows)


def _numbered(title: str, texts: tuple[str, ...]) -> Section:
    return facts(title, tuple((str(k), text) for k, text in enumerate(texts, start=1)))


def _own_constant(seed: CataloguedSeed) -> str:
    if seed.monte_carlo is None:
        return "–"
    digits = round(1e4 * seed.monte_carlo_std_dev)
    return f"{seed.monte_carlo.dose_rate_constant:.4f}({digits})"


def _plain_name(source: SourceData) -> str:
    return source.name.removesuffix(" Monte Carlo")


def _range(distances: np.ndarray) -> str:
    return f"{distances[0]:g}–{distances[-1]:g}"


def _number(value: float, form: str) -> str:
    return f"{value:{form}}" if np.isfinite(value) else "–"
