"""Options that say what seeds emit and how photons interact, shared by several commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from validation.commands.completion import SPECTRA, one_of

if TYPE_CHECKING:
    from mcsim.physics_settings import PhysicsSettings

DEFAULT_CUT_OFF_KEV = 1.0  # that of `mcsim`, written out here so that --help does not load the engine

Spectrum = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="photons per decay: i125_ncrp58, i125_tg43u1, pd103_nndc or cs131_nndc (default: the seed model's own)",
        autocompletion=one_of(*SPECTRA),
    ),
]
CutOff = Annotated[float, typer.Option(metavar="KEV", help="photons below this energy are not followed, keV")]
Coherent = Annotated[
    Literal["form_factor", "off"],
    typer.Option(help="coherent scattering: by atomic form factors; none"),
]
Incoherent = Annotated[
    Literal["scattering_function", "free_electrons"],
    typer.Option(help="incoherent scattering: electrons bound, by S(x); Klein-Nishina for every electron"),
]
NoFluorescence = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ELEMENT|all",
        help="fluorescence of this element stays where it is made; may be given several times",
        autocompletion=one_of("all", "Ag", "Ti", "Pd", "Au", "Pb", "I", "Br"),
    ),
]


def physics_of(
    cut_off: float, coherent: str, incoherent: str, no_fluorescence: list[str] | None
) -> PhysicsSettings:
    """Physics settings of the options."""
    from mcsim.physics_settings import PhysicsSettings

    return PhysicsSettings(cut_off, coherent, incoherent, tuple(no_fluorescence or ()))
