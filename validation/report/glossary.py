"""What the words and signs of a report mean."""

from __future__ import annotations

from markupsafe import Markup

#: Definitions in one or two sentences, by the word a page shows.
DEFINITIONS = {
    "±": (
        "Standard uncertainty (k = 1) of type A: the statistical noise of the simulation alone. Bands and whiskers of "
        "figures are two of them, about 95 %."
    ),
    "air-kerma strength": (
        "Air-kerma rate in vacuum times the square of the distance, of photons above 5 keV; its unit is "
        "1 U = 1 cGy cm² h⁻¹ = 1 µGy m² h⁻¹."
    ),
    "air-kerma strength per history": (
        "Air kerma times squared distance that one emitted photon of the simulated seed gives on average; it turns the "
        "dose per photon into dose for a seed of known strength."
    ),
    "absolute difference": "The same difference in gray.",
    "batch": "Fixed number of histories; the unit of work of a simulation and of its statistics.",
    "covered": "Part of the structure that lies on the dose grid.",
    "D_m/D_w": (
        "Mean dose to the medium of each voxel over mean dose to water from the same photons in the same tissue: what "
        "the choice of the medium does to the dose, without any change of the photons."
    ),
    "difference": (
        "First dose minus second, doses in % of the second, volumes in percentage points. Its ± is that of the first: "
        "the second is taken without uncertainty."
    ),
    "digest": (
        "SHA-256 of the content: equal digests mean the same case, or the same settings, to the last bit."
    ),
    "dose": "Absorbed dose to full decay of the seeds, which stay where they are.",
    "dose-rate constant": (
        "Dose rate in water at 1 cm from the seed on its transverse plane per unit of air-kerma strength, Λ."
    ),
    "dose to medium": "Collision kerma in the voxel's medium, of photons transported in the patient's media, D_m,m.",
    "dose to water": "Collision kerma in water of the photons in the patient's media, D_w,m.",
    "energy fluence": (
        "Energy of photons through a small sphere over the cross section of the sphere; here per photon that every "
        "seed emits, mean over the structure's tissue."
    ),
    "difference to water": (
        "Monte Carlo dose in the patient minus the dose in water, both simulated: what tissue, cavities and the other "
        "seeds change."
    ),
    "dose in water": "Dose of the seeds one by one in infinite water, simulated; mean over the structure.",
    "gamma pass rate": (
        "Part of the voxels above 20 % of the prescription, by volume, whose gamma is 1 or less; without a stated "
        "uncertainty, for noise shifts it more than it scatters it."
    ),
    "gamma": (
        "Smallest distance, in units of the tolerated dose difference and the tolerated distance, from a point of one "
        "dose to the other dose; a voxel passes at 1 or less."
    ),
    "half-life": "Time in which the seeds lose half of their activity.",
    "history": "One photon emitted in the active layer of a seed, followed with all that it makes.",
    "Monte Carlo": (
        "Photon Monte Carlo in the media of the patient with all seeds in place; dose to medium in medium unless the "
        "settings say otherwise."
    ),
    "mean": "Mean over the volume of the structure.",
    "mean photon energy": "Mean energy of the photons in the structure, weighted by their fluence.",
    "noise": (
        "Root mean square that the stated uncertainties of the voxels alone would give."
    ),
    "noise bias": (
        "Estimated shift of the Monte Carlo value by its own noise, from half-samples: noise widens a histogram. "
        "Shown, not subtracted."
    ),
    "percentage point": "Difference of two percentages, pp.",
    "percentile of the volume": "Difference that this part of the structure's volume does not exceed.",
    "prescription": "Dose that the plan prescribes to the target, to full decay.",
    "primary dose": "Part of the dose from photons that have not interacted since they left their seed.",
    "systematic": "What noise does not explain of the root mean square: √(whole² − noise²).",
    "TG-43": (
        "Formalism of the AAPM: seeds added one by one from tables of one seed in a large water sphere; dose to water "
        "in water."
    ),
    "volume": "Volume inside the contours on the dose grid, voxels cut by a contour with their part inside.",
    "voxel uncertainty": (
        "Standard uncertainty of the dose in a voxel over that dose, mean over the volume of the structure."
    ),
    "water table": "Simulated dose around one seed in infinite water that correlated sampling takes as known.",
    "whole": "Root mean square over the volume of the difference of both doses, in % of the second.",
    "z-score": "Difference of two doses over its standard uncertainty.",
}  # fmt: skip


#: Rows of the lists of facts and the word of `DEFINITIONS` that explains each.
FACTS = {
    "Air-kerma strength": "air-kerma strength",
    "Air-kerma strength per history": "air-kerma strength per history",
    "Case digest": "digest",
    "Half-life": "half-life",
    "Histories": "history",
    "Monte Carlo dose-rate constant": "dose-rate constant",
    "Noise of the water table": "water table",
    "Phase-space digest": "digest",
    "Prescription": "prescription",
    "Settings digest": "digest",
    "TG-43 dose-rate constant": "dose-rate constant",
    "Water-table digest": "water table",
}


def define(word: str) -> str:
    """Definition of a word.

    Parameters
    ----------
    word : str
        As in `DEFINITIONS`.

    Returns
    -------
    str

    Raises
    ------
    KeyError
        A page shows a word that nothing explains.

    Examples
    --------
    >>> define("history")
    'One photon emitted in the active layer of a seed, followed with all that it makes.'
    """
    return DEFINITIONS[word]


class Glossary:
    """Words that a page has explained, for the list at its end.

    Examples
    --------
    >>> glossary = Glossary()
    >>> glossary.explain("history", "histories")[:27]
    Markup('<abbr title="One photon emi')
    >>> glossary.listed()
    [('history', 'One photon emitted in the active layer of a seed, followed with all that it makes.')]
    """

    def __init__(self) -> None:
        self._explained: dict[str, str] = {}

    def explain(self, word: str, shown: str = "") -> Markup:
        """A word of `DEFINITIONS` with its definition behind it.

        Parameters
        ----------
        word : str
            As in `DEFINITIONS`.
        shown : str
            As the text has it; the word itself if left out.

        Returns
        -------
        markupsafe.Markup

        Raises
        ------
        KeyError
            Nothing explains the word.
        """
        return self.note(word, define(word), shown)

    def note(self, word: str, definition: str, shown: str = "") -> Markup:
        """A word with a definition that the data bring along.

        Parameters
        ----------
        word, definition : str
            Word and sentence.
        shown : str
            As the text has it; the word itself if left out.

        Returns
        -------
        markupsafe.Markup
        """
        self._explained.setdefault(FACTS.get(word, word), definition)
        return Markup('<abbr title="{}">{}</abbr>').format(definition, shown or word)

    def listed(self) -> list[tuple[str, str]]:
        """Words and definitions, sorted without regard to case."""
        return sorted(self._explained.items(), key=lambda entry: entry[0].casefold())
