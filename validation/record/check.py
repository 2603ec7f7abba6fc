"""One comparison of a computed quantity with its reference, and the verdict that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import hypot
from typing import Literal

from mcsim.invalid_input import InvalidInput

Verdict = Literal["agrees", "misses", "misses, explained"]

# Family-wise false alarm of 1e-6 for up to 100 checks of nothing but noise (normal distribution).
COVERAGE_OF_AN_ORACLE = 5.7
# Against a publication the demand is the tolerance; noise may add three standard uncertainties of ours.
COVERAGE_OF_A_PUBLICATION = 3.0
# A value known better than this is judged by itself: then noise widens a demand by nothing.
SMALL_NOISE = 0.005


def coverage_of_a_publication(std_dev: float, reference: float) -> float:
    """Coverage factor of a comparison with a publication: 0 where u_A is at most 0.5 % of the reference, else 3.

    Examples
    --------
    >>> coverage_of_a_publication(0.004, 1.0), coverage_of_a_publication(0.006, 1.0)
    (0.0, 3.0)
    """
    return 0.0 if std_dev <= SMALL_NOISE * abs(reference) else COVERAGE_OF_A_PUBLICATION


@dataclass(frozen=True)
class Citation:
    """Where a reference comes from.

    Attributes
    ----------
    text : str
        Authors, journal, year; or the equation.
    doi : str
        DOI; empty where there is none.
    """

    text: str
    doi: str = ""


@dataclass(frozen=True)
class Shortfall:
    """A departure that is known: outside its band the check misses like any other.

    Attributes
    ----------
    departure : float
        Expected difference, relative to the reference.
    band : float
        How far the difference may lie from it besides noise, relative to the reference.
    reason : str
        Where departure and band come from.
    explanation : str
        Why value and reference depart.
    """

    departure: float
    band: float
    reason: str
    explanation: str


EXACT = Citation("exact")


@dataclass(frozen=True)
class Check:
    """A computed quantity against its reference.

    The verdict is ``agrees`` when

        |value − reference| ≤ tolerance + k · u_A,

    u_A being the type A standard uncertainty of the value (and of a reference that is itself simulated). What a
    publication says about its own uncertainty widens nothing: it enters the combined uncertainty that is shown, while
    the tolerance alone says what is demanded.

    Attributes
    ----------
    name : str
        Short name, once in the record.
    group : str
        Group it is shown in.
    quantity : str
        What is compared, in words.
    unit : str
        Unit of value and reference; "1" for ratios.
    value, std_dev : float
        What the project computes, and its type A standard uncertainty (0 for a deterministic result).
    reference : float
        What it is compared with.
    citation : Citation
        Where the reference comes from.
    tolerance : float
        Difference that is accepted besides noise, in the unit.
    reason : str
        Why that much.
    reference_type_a : float
        Type A standard uncertainty of a simulated reference.
    reference_std_dev : float
        Further standard uncertainty that the publication states.
    coverage : float
        k.
    relative : bool
        Differences are shown in per cent of the reference.
    shortfall : Shortfall, optional
        A known miss. The verdict is ``misses, explained`` when the difference lies within band + k · u_A of the known
        departure, with k of at least 3, and ``misses`` beyond.

    Raises
    ------
    InvalidInput
        A negative uncertainty, tolerance or band, one without a reason, or a shortfall without an explanation.

    Examples
    --------
    >>> check = Check("x", "group", "a ratio", "1", 1.02, 0.005, 1.0, EXACT, 0.01, "rounding", coverage=3.0)
    >>> check.verdict, round(check.allowed, 3)
    ('agrees', 0.025)
    """

    name: str
    group: str
    quantity: str
    unit: str
    value: float
    std_dev: float
    reference: float
    citation: Citation = field(default=EXACT)
    tolerance: float = 0.0
    reason: str = ""
    reference_type_a: float = 0.0
    reference_std_dev: float = 0.0
    coverage: float = COVERAGE_OF_AN_ORACLE
    relative: bool = True
    shortfall: Shortfall | None = None

    def __post_init__(self) -> None:
        for what in ("std_dev", "tolerance", "reference_type_a", "reference_std_dev", "coverage"):
            if not getattr(self, what) >= 0.0:
                raise InvalidInput(
                    f"{what} of the check {self.name} is {getattr(self, what)}, expected 0 or more. Correct it."
                )
        if self.tolerance > 0.0 and not self.reason:
            raise InvalidInput(
                f"reason of the check {self.name} is empty, expected words that say why {self.tolerance} {self.unit} "
                f"is tolerated. Give the reason."
            )
        known = self.shortfall
        if known and not (known.band > 0.0 and known.reason and known.explanation):
            raise InvalidInput(
                f"shortfall of the check {self.name} is {known}, expected a band above 0, its reason and an "
                f"explanation. Complete it."
            )

    @property
    def difference(self) -> float:
        """Value less reference, in the unit."""
        return self.value - self.reference

    @property
    def noise(self) -> float:
        """Type A standard uncertainty of the difference."""
        return hypot(self.std_dev, self.reference_type_a)

    @property
    def combined_std_dev(self) -> float:
        """Standard uncertainty of the difference, the publication's own included."""
        return hypot(self.noise, self.reference_std_dev)

    @property
    def allowed(self) -> float:
        """Largest difference that agrees."""
        return self.tolerance + self.coverage * self.noise

    @property
    def known_departure(self) -> tuple[float, float]:
        """Known difference and how far from it a miss is still explained, in the unit; 0 and 0 if none is known."""
        if self.shortfall is None:
            return 0.0, 0.0
        size = abs(self.reference)
        noise = max(self.coverage, COVERAGE_OF_A_PUBLICATION) * self.noise
        return self.shortfall.departure * size, self.shortfall.band * size + noise

    @property
    def verdict(self) -> Verdict:
        """Whether the value agrees with its reference; a value that is not a number misses."""
        if abs(self.difference) <= self.allowed:
            return "agrees"
        expected, band = self.known_departure
        return "misses, explained" if abs(self.difference - expected) <= band else "misses"

    @property
    def is_pure_noise(self) -> bool:
        """Whether nothing but noise separates value and reference, if all is right."""
        return self.noise > 0.0 and self.tolerance == 0.0
