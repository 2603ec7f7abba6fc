"""Files on one seed in one screen: its characterisation, phase space and dose in water; its model; its TG-43 table."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np

from mcsim import hdf5_file
from mcsim.seed_model import load_seed_model
from mcsim.water_table_file import read_water_table
from validation.report.number_text import measured
from validation.studies.characterise_dataset import read_characterisation
from validation.studies.inspect_section import Section, facts, short
from validation.studies.inspect_seeds import describe_seed

_STRENGTH_SCALE = 1e14  # strengths are near 1e-14 Gy cm² per history
_RADII = (0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0)  # cm, rows of g and F shown
_ANGLES = (0.0, 10.0, 30.0, 60.0)  # degrees
_CM_IN_MM = 10.0
_WATER_RADII = (0.25, 0.5, 1.0, 2.0, 5.0)  # cm
PHASE_SPACE, PHASE_SPACE_MAJOR = "seedmc-phase-space", 1


def describe_characterisation(path: Path) -> list[Section]:
    """Sections on a characterisation: Λ, S_K, energies; g_L, φ_an and F at some places."""
    from validation.report.characterisation import facts as single_numbers

    data = read_characterisation(path)
    known = (
        "seed_model",
        "source",
        "radionuclide",
        "half_life",
        "spectrum",
        "histories",
        "active_length",
        "seed_digest",
    )
    units = {"half_life": " d", "active_length": " cm"}
    radii = [r for r in _RADII if (data.r == r).any()]
    angles = [a for a in _ANGLES if (data.theta == a).any()]

    def at(name: str, **where: float) -> str:
        return measured(float(data[name].sel(where)), float(data[f"{name}_std_dev"].sel(where)), "1")

    rows = tuple(
        (f"{r:g}", at("radial_dose_function_line", r=r), at("anisotropy_1d", r=r),
         *(at("anisotropy_function", r=r, theta=a) for a in angles))
        for r in radii
    )  # fmt: skip
    headings = ("r / cm", "g_L", "φ_an", *(f"F at {a:g}°" for a in angles))
    return [
        facts("Seed characterisation", [
            *((key.replace("_", " "), short(data.attrs[key]) + units.get(key, "")) for key in known
              if key in data.attrs),
            *((fact.name, f"{fact.value} {fact.unit}".rstrip()) for fact in single_numbers(data)),
        ]),
        Section("TG-43 functions (± type A, k = 1)", headings, rows),
    ]  # fmt: skip


def describe_water_table(path: Path) -> list[Section]:
    """Sections on the known dose of a seed in water."""
    table = read_water_table(path)
    halves, shells, polar, _ = table.kerma_r2.shape
    rows = []
    for radius in _WATER_RADII:
        shell = int(np.argmin(np.abs(table.radii - radius)))
        # the last polar cell lies at the equator
        value, std_dev = table.kerma_r2[0, shell, -1], table.std_dev[0, shell, -1]
        r2 = table.radii[shell] ** 2
        total = float(value.sum()) / r2
        rows.append(
            (f"{table.radii[shell]:.3g}", f"{total:.4g}", f"{100 * float(np.hypot(*std_dev)) / r2 / total:.2f}",
             f"{100 * float(value[0]) / r2 / total:.1f}")
        )  # fmt: skip
    return [
        facts("Dose of one seed in infinite water", [
            ("seed", table.model),
            ("histories", f"{table.histories:.4g}"),
            ("cells", f"{halves} × {shells} × {polar} (halves, distances, angles), {table.radii[0]:.3g} to "
                      f"{table.radii[-1]:.3g} cm"),
            ("length of the seed", f"{2 * _CM_IN_MM * table.half_length:.3g} mm"),
        ]),
        Section("On the transverse axis", ("r / cm", "keV/g per photon emitted", "± type A / %", "primary / %"),
                tuple(rows)),
    ]  # fmt: skip


def describe_phase_space(path: Path) -> list[Section]:
    """Sections on the photons that leave a seed; they are counted, not read."""
    with hdf5_file.open_checked(path, PHASE_SPACE, PHASE_SPACE_MAJOR) as file:
        attributes = file.attrs
        balance = file["energy_balance"][()]
        photons, histories = file["photons"], int(attributes["histories"])
        assert isinstance(photons, h5py.Dataset)
        strength, noise = (float(attributes[f"air_kerma_strength{end}"]) for end in ("", "_std_dev"))
        noise = noise if np.isfinite(noise) else float("nan")  # one block of histories tells none
        return [
            facts("Phase space of a seed", [
                ("seed", short(attributes["seed_model"])),
                ("source", short(attributes["source"])),
                ("spectrum", short(attributes["spectrum"])),
                ("histories", f"{histories:.4g}, {100 * (len(file['first_photon']) - 1) / histories:.1f} % with "
                              f"photons that leave"),
                ("photons", f"{len(photons):.4g}"),
                ("air-kerma strength per history",
                 f"{measured(_STRENGTH_SCALE * strength, _STRENGTH_SCALE * noise, '1')} 10⁻¹⁴ Gy cm² (WAFAC, type A)"),
                ("energy emitted", f"{100 * balance[1] / balance[0]:.2f} % left in the seed, "
                                   f"{100 * balance[-1] / balance[0]:.2f} % leaves"),
                ("mirror symmetric", "yes" if attributes["mirror_symmetric"] else "no"),
            ])
        ]  # fmt: skip


def describe_seed_model(path: Path) -> list[Section]:
    """Sections on a seed file: what `seedmc characterise` and `--seed-model` take."""
    seed = load_seed_model(str(path))
    spectrum = seed.spectrum
    rows = tuple(
        (s.name, s.material, f"{_CM_IN_MM * s.z_min:.4g} to {_CM_IN_MM * s.z_max:.4g}") for s in seed.solids
    )
    length = seed.stated_active_length
    return [
        facts("Seed model", [
            ("name", seed.name),
            ("source", seed.source),
            ("spectrum", f"{spectrum.name}: {len(spectrum.energy_kev)} lines, "
                         f"{sum(spectrum.photons_per_decay):.4g} photons per decay, "
                         f"{spectrum.radionuclide}, half-life {spectrum.half_life_d:g} d"),
            ("length × diameter", f"{2 * _CM_IN_MM * seed.half_length:.2f} × {2 * _CM_IN_MM * seed.radius:.2f} mm"),
            ("activity", ", ".join(f"{name} ({weight:g})" for name, weight in seed.active)),
            ("active length", "from the solids" if length is None else f"{_CM_IN_MM * length:g} mm"),
            ("mirror symmetric", "yes" if seed.mirror_symmetric else "no"),
        ]),
        Section("Solids, the later one counts where they overlap", ("solid", "medium", "along the axis / mm"), rows),
    ]  # fmt: skip


def describe_tg43_table(path: Path) -> list[Section]:
    """The first facts of a TG-43 table and the extent of its functions."""
    from tg43 import read_source

    source = read_source(path)
    first = describe_seed(str(path))[0]
    extent = (
        ("g_L", f"{len(source.radial_distances)} distances, {source.radial_distances[0]:g} to "
                f"{source.radial_distances[-1]:g} cm"),
        ("F", f"{len(source.anisotropy_distances)} distances, {source.anisotropy_distances[0]:g} to "
              f"{source.anisotropy_distances[-1]:g} cm; {len(source.anisotropy_angles)} angles"),
        ("all values", f"seedmc inspect --seed {path}"),
    )  # fmt: skip
    # read_source checked the file; the uncertainty is there in tables of `seedmc characterise` only
    std_dev = json.loads(path.read_text(encoding="utf-8")).get("dose_rate_constant_std_dev")
    noise = () if std_dev is None else (("type A uncertainty of Λ", f"{float(std_dev):.2g} cGy h⁻¹ U⁻¹"),)
    return [facts(f"TG-43 table: {first.title}", [*((r[0], r[1]) for r in first.rows), *noise, *extent])]
