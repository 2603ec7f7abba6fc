"""The chain of calculations from TG-43 to the dose in the patient, each of which changes one thing."""

from __future__ import annotations

from dataclasses import dataclass

TG43, MONTE_CARLO = "TG-43", "Monte Carlo"


@dataclass(frozen=True)
class ChainStep:
    """One calculation of the chain.

    Attributes
    ----------
    name : str
        What changed since the step before.
    description : str
        The same in one sentence.
    engine : str
        ``TG-43`` or ``Monte Carlo``.
    table : str
        TG-43: ``own`` (the table that is compared), ``constant`` (that with the dose-rate constant of the simulated
        seed) or ``monte_carlo`` (the project's table of the seed).
    seeds, media : str
        Monte Carlo: as `validation.studies.monte_carlo.MonteCarloOptions`.
    quantity : str
        Monte Carlo: ``dose_to_medium`` or ``dose_to_water``.
    """

    name: str
    description: str
    engine: str
    table: str = ""
    seeds: str = ""
    media: str = ""
    quantity: str = "dose_to_medium"

    @property
    def run(self) -> tuple[str, str]:
        """Settings of the simulation that the step is from: seeds and media."""
        return self.seeds, self.media


_START = ChainStep("TG-43", "TG-43 with its own source data", TG43, table="own")
_CONSTANT = ChainStep(
    "dose-rate constant",
    "TG-43 with the dose-rate constant of the simulated seed: the same percentage everywhere",
    TG43,
    table="constant",
)
_FUNCTIONS = ChainStep(
    "radial and anisotropy functions",
    "TG-43 with the whole table of the simulated seed",
    TG43,
    table="monte_carlo",
)
_TABLE = ChainStep(
    "tabulation",
    "Monte Carlo with the seeds one by one in infinite water: what tables, interpolation and rounding lose; "
    "0 within its uncertainty if both are right",
    MONTE_CARLO,
    seeds="superposition",
    media="water",
)
_SOURCE = ChainStep(
    "source data",
    "Monte Carlo with the seeds one by one in infinite water: dose-rate constant, radial and anisotropy functions of "
    "the simulated seed",
    MONTE_CARLO,
    seeds="superposition",
    media="water",
)
_SCATTER = ChainStep(
    "finite body",
    "Monte Carlo with water inside the body outline and air outside: missing scatter",
    MONTE_CARLO,
    seeds="superposition",
    media="water_body",
)


def chain(own_table_is_simulated: bool, has_simulated_table: bool, has_body: bool) -> tuple[ChainStep, ...]:
    """Steps for a case, from TG-43 to the dose to medium in the patient.

    Parameters
    ----------
    own_table_is_simulated : bool
        The TG-43 table that is compared is the project's Monte Carlo table already.
    has_simulated_table : bool
        There is a Monte Carlo table of the seed.
    has_body : bool
        The case has an outline of the body; without it finite scatter is part of the tissue.

    Returns
    -------
    tuple of ChainStep
        Five to eight.

    Examples
    --------
    >>> [step.name for step in chain(False, True, True)][1:4]
    ['dose-rate constant', 'radial and anisotropy functions', 'tabulation']
    >>> len(chain(True, True, True)), len(chain(False, False, False))
    (6, 5)
    """
    steps = [_START]
    if own_table_is_simulated:
        steps.append(_TABLE)
    elif has_simulated_table:
        steps += [_CONSTANT, _FUNCTIONS, _TABLE]
    else:
        steps.append(_SOURCE)
    if has_body:
        steps.append(_SCATTER)
    water = "water_body" if has_body else "water"
    tissue = "tissue" if has_body else "finite body and tissue"
    return (
        *steps,
        ChainStep(
            "interseed shadowing",
            "Monte Carlo with every seed solid: seeds absorb and scatter each other's photons",
            MONTE_CARLO,
            seeds="interseed",
            media=water,
        ),
        ChainStep(
            f"{tissue}, dose to water",
            "Monte Carlo in the patient's own tissues, dose to water from the fluence there: attenuation and scatter",
            MONTE_CARLO,
            seeds="interseed",
            media="patient",
            quantity="dose_to_water",
        ),
        ChainStep(
            "dose to medium",
            "Monte Carlo in the patient's own tissues, dose to the tissue itself: the ratio of their energy absorption "
            "(TG-186)",
            MONTE_CARLO,
            seeds="interseed",
            media="patient",
        ),
    )
