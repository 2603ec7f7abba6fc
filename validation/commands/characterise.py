"""A seed from first principles: its TG-43 parameters, strength, spectrum, and a drawing."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcsim.invalid_input import InvalidInput
from validation.commands.completion import simulated_seed_or_file
from validation.commands.options import CENTIMETRE_PER_MILLIMETRE, Quiet, RandomSeed, Threads, threads_of
from validation.commands.physics_options import (
    DEFAULT_CUT_OFF_KEV,
    Coherent,
    CutOff,
    Incoherent,
    NoFluorescence,
    Spectrum,
    physics_of,
)
from validation.progress import Reporter

if TYPE_CHECKING:
    import xarray as xr

    from mcsim.physics_settings import PhysicsSettings


def characterise(
    seed: Annotated[
        str,
        typer.Argument(help="seed file, or name of a packaged seed", autocompletion=simulated_seed_or_file),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="folder to write to; need not exist (default named after the seed, in the current folder)",
        ),
    ] = None,
    histories: Annotated[
        int, typer.Option(metavar="N", help="photons to emit (at most, with --uncertainty)")
    ] = 30_000_000,
    uncertainty: Annotated[
        float,
        typer.Option(
            metavar="PERCENT",
            help="stop at this type A uncertainty of the dose-rate constant, %; 0: all histories",
        ),
    ] = 0.0,
    spectrum: Spectrum = "",
    active_length: Annotated[
        float,
        typer.Option(metavar="MM", help="length of the line source of g_L and F, mm; 0: the seed file's"),
    ] = 0.0,
    check_only: Annotated[
        bool, typer.Option("--check-only", help="check and draw the seed (seed.svg), simulate nothing")
    ] = False,
    cut_off: CutOff = DEFAULT_CUT_OFF_KEV,
    coherent: Coherent = "form_factor",
    incoherent: Incoherent = "scattering_function",
    no_fluorescence: NoFluorescence = None,
    threads: Threads = 0,
    random_seed: RandomSeed = 1,
    quiet: Quiet = False,
) -> None:
    """Check and draw a seed, compute its TG-43 parameters.

    Writes seed.svg, characterisation.h5, tg43.json (for tg43 --source-data) and characterisation.html.

    Example: seedmc characterise my_seed.json --check-only

    Example: seedmc characterise 6711 --uncertainty 0.5 --out results/6711
    """
    from mcsim.seed_drawing import section_svg
    from mcsim.seed_model import load_seed_model

    model = load_seed_model(seed, spectrum or None)
    physics = physics_of(cut_off, coherent, incoherent, no_fluorescence)
    out = out or _folder_of(seed)
    if out.exists() and not out.is_dir():
        raise InvalidInput(f"out is {out}, a file, expected a folder. Give another path with --out.")
    drawing = section_svg(model)
    out.mkdir(parents=True, exist_ok=True)
    (out / "seed.svg").write_text(drawing, encoding="utf-8")
    typer.echo(
        f"{model.name}: {len(model.solids)} solids nest, activity in {', '.join(n for n, _ in model.active)}"
    )
    if check_only:
        typer.echo(f"drawing -> {out / 'seed.svg'}")
        return
    _simulate(
        seed,
        out,
        drawing,
        histories,
        uncertainty,
        spectrum,
        active_length,
        threads,
        random_seed,
        quiet,
        physics,
    )


def _folder_of(seed: str) -> Path:
    """Folder in the current one, named after a seed file or a packaged seed."""
    path = Path(seed)
    return Path(path.stem if path.is_file() else "_".join(seed.split()).replace("/", "_"))


def _command(seed: str, spectrum: str, data: xr.Dataset) -> str:
    """The command that makes these tables again; they depend neither on the folder nor on the threads."""
    from mcsim.physics_settings import DEFAULT_PHYSICS

    settings, own = json.loads(data.attrs["settings"]), data.attrs["active_length_source"] != "as asked for"
    physics, usual = settings["physics"], asdict(DEFAULT_PHYSICS)
    words = ["seedmc", "characterise", Path(seed).name if Path(seed).is_file() else seed]
    words += ["--histories", str(data.attrs["histories"]), "--random-seed", str(settings["run_seed"])]
    if spectrum:
        words += ["--spectrum", spectrum]
    if not own:
        words += ["--active-length", f"{data.attrs['active_length'] / CENTIMETRE_PER_MILLIMETRE:g}"]
    for option, key in (
        ("--cut-off", "cut_off_kev"),
        ("--coherent", "coherent"),
        ("--incoherent", "incoherent"),
    ):
        if physics[key] != usual[key]:
            words += [option, str(physics[key])]
    for element in physics["fluorescence_off"]:
        words += ["--no-fluorescence", str(element)]
    return shlex.join(words)


def _simulate(
    seed: str,
    out: Path,
    drawing: str,
    histories: int,
    uncertainty: float,
    spectrum: str,
    active_length: float,
    threads: int,
    random_seed: int,
    quiet: bool,
    physics: PhysicsSettings,
) -> None:
    from validation.report.characterisation import facts, write_page
    from validation.studies.characterise import characterise as characterise_seed
    from validation.studies.characterise_consensus import beside_consensus, consensus_source
    from validation.studies.characterise_dataset import write_characterisation
    from validation.studies.characterise_table import tg43_document, write_tg43_table

    with Reporter(quiet) as report:

        def progress(done: int, reached: float) -> None:
            share = done / histories
            if uncertainty:
                # the uncertainty falls with the square root of the histories
                share = max(share, (uncertainty / (100.0 * reached)) ** 2)
            report.step(
                "characterisation", min(share, 1.0), f"{done:.3g} histories, Λ to {100.0 * reached:.2f} %"
            )

        data = characterise_seed(
            seed,
            histories,
            spectrum=spectrum,
            threads=threads_of(threads),
            run_seed=random_seed,
            physics=physics,
            uncertainty=uncertainty / 100.0,
            active_length=active_length * CENTIMETRE_PER_MILLIMETRE,
            progress=progress,
        )
    write_characterisation(out / "characterisation.h5", data)
    source = consensus_source(data.attrs["seed_model"])
    consensus = None if source is None else beside_consensus(data, source)
    write_page(out / "characterisation.html", data, drawing, consensus)
    write_tg43_table(out / "tg43.json", tg43_document(data, _command(seed, spectrum, data)))
    for fact in facts(data):
        typer.echo(f"{fact.name}: {fact.value} {fact.unit}".rstrip())
    typer.echo(f"characterisation: {data.attrs['histories']:.3g} histories -> {out}")
