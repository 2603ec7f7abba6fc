"""How interactions are described: cut-off, coherent and incoherent treatment, fluorescence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcsim.cross_sections import ENERGY_MIN_KEV, element_table
from mcsim.invalid_input import InvalidInput

COHERENT_CHOICES = ("form_factor", "off")
INCOHERENT_CHOICES = ("scattering_function", "free_electrons")
ALL_ELEMENTS = "all"
# Scattered photons below the cut-off are lost to the track-length dose: nothing at 5 keV, a fifth for palladium at 20.
LARGEST_CUT_OFF_KEV = 5.0


@dataclass(frozen=True)
class PhysicsSettings:
    """How interactions are described.

    Attributes
    ----------
    cut_off_kev : float
        Photons below this energy are not followed. Fluorescence below it stays where it is made; what scattered photons
        below it still carry is left out of the dose, less than 0.1 % at 5 keV.
    coherent : str
        ``form_factor``: cross section and angles with atomic form factors; ``off``: no coherent scattering.
    incoherent : str
        ``scattering_function``: bound electrons, Klein-Nishina × S(x); ``free_electrons``: Klein-Nishina for every
        electron.
    fluorescence_off : tuple of str
        Elements whose fluorescence stays where it is made, by symbol; ``("all",)`` for every element.

    Raises
    ------
    InvalidInput
        A value outside its range or choices, or an unknown element.

    Examples
    --------
    >>> PhysicsSettings(fluorescence_off=["Ti", "Ag"]).fluorescence_off
    ('Ag', 'Ti')
    >>> PhysicsSettings(fluorescence_off=("Ti",)).follows_fluorescence_of("Ag")
    True
    """

    cut_off_kev: float = 1.0
    coherent: str = "form_factor"
    incoherent: str = "scattering_function"
    fluorescence_off: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # One form of each choice, so that equal physics has equal digests.
        object.__setattr__(self, "cut_off_kev", float(self.cut_off_kev))
        object.__setattr__(self, "fluorescence_off", tuple(sorted(set(self.fluorescence_off))))
        if not ENERGY_MIN_KEV <= self.cut_off_kev <= LARGEST_CUT_OFF_KEV:
            raise InvalidInput(
                f"cut_off_kev is {self.cut_off_kev} keV, expected {ENERGY_MIN_KEV:g} to {LARGEST_CUT_OFF_KEV:g} (the "
                f"tables begin at {ENERGY_MIN_KEV:g} keV; air-kerma strength counts photons from "
                f"{LARGEST_CUT_OFF_KEV:g} keV on). Choose a value in this range."
            )
        for name, choices in (("coherent", COHERENT_CHOICES), ("incoherent", INCOHERENT_CHOICES)):
            if getattr(self, name) not in choices:
                raise InvalidInput(
                    f"{name} is {getattr(self, name)!r}, expected one of {', '.join(choices)}. Use one of them."
                )
        if ALL_ELEMENTS in self.fluorescence_off:
            object.__setattr__(self, "fluorescence_off", (ALL_ELEMENTS,))
        else:
            for symbol in self.fluorescence_off:
                element_table(symbol)

    def follows_fluorescence_of(self, symbol: str) -> bool:
        """Whether the fluorescence of an element is transported."""
        return not {symbol, ALL_ELEMENTS} & set(self.fluorescence_off)

    @classmethod
    def from_record(cls, record: object) -> PhysicsSettings:
        """The settings a result file names; the default ones for a file written before there was a choice.

        Parameters
        ----------
        record : mapping or None
            The fields as read from JSON.

        Returns
        -------
        PhysicsSettings

        Examples
        --------
        >>> PhysicsSettings.from_record({"cut_off_kev": 5.0, "fluorescence_off": ["Ti"]}).fluorescence_off
        ('Ti',)
        """
        return cls(**record) if isinstance(record, Mapping) else cls()


DEFAULT_PHYSICS = PhysicsSettings()
