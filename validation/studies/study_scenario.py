"""One combination of what a study varies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """One combination of what is varied.

    Attributes
    ----------
    sigma_mm : float
        Standard deviation of every seed along x, y and z, mm.
    edema : float
        Relative swelling of the target at implantation.
    shrinkage_per_d : float
        Rate at which it shrinks, 1/d.
    series : bool
        It follows the measured volumes of the settings.
    displaced : bool
        False for the plan.
    """

    sigma_mm: float = 0.0
    edema: float = 0.0
    shrinkage_per_d: float = 0.0
    series: bool = False
    displaced: bool = True

    @property
    def is_plan(self) -> bool:
        """Nothing moves and nothing changes."""
        return not self.displaced

    @property
    def name(self) -> str:
        """In words.

        Examples
        --------
        >>> Scenario(sigma_mm=2.0, edema=0.4).name
        'σ 2 mm, edema 40 %'
        """
        parts = [f"σ {self.sigma_mm:g} mm"] if self.sigma_mm else []
        parts += [f"edema {100 * self.edema:g} %"] if self.edema else []
        parts += [f"shrinkage {100 * self.shrinkage_per_d:g} %/d"] if self.shrinkage_per_d else []
        parts += ["measured volumes"] if self.series else []
        return ", ".join(parts) or ("displacement as set" if self.displaced else "plan")
