"""What ``.seedmc`` of a data set can do: tables, figures and files of results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from mcsim.invalid_input import InvalidInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tg43 import SourceData
    from validation.case import Case

ISODOSES = (50.0, 100.0, 150.0, 200.0)
RADII = (0.5, 1.0, 3.0)
_WORDS = {
    "seedmc-monte-carlo": "a Monte Carlo dose",
    "seedmc-tg43-dose": "a TG-43 dose",
    "seedmc-comparison": "a comparison",
    "seedmc-characterisation": "the characterisation of a seed",
    "seedmc-study": "a study",
}
_DOSES = ("seedmc-monte-carlo", "seedmc-tg43-dose")


class SeedmcAccessor:
    """Methods of a result, under ``dataset.seedmc``.

    Parameters
    ----------
    dataset : xarray.Dataset
        From a function of `validation` or from `validation.read_result`.

    Examples
    --------
    >>> from validation import Case, tg43_dose
    >>> tg43_dose(Case.read("neck"), voxel=0.4).seedmc.kind
    'a TG-43 dose'
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    @property
    def kind(self) -> str:
        """What the data set is, in words."""
        return _WORDS.get(str(self._dataset.attrs.get("filetype")), "no result")

    def _of(self, what: str, *kinds: str) -> xr.Dataset:
        if self._dataset.attrs.get("filetype") not in kinds:
            wanted = " or ".join(_WORDS[kind] for kind in kinds)
            raise InvalidInput(
                f"data set is {self.kind}, expected {wanted} ({what} is made of that). Use that data set."
            )
        return self._dataset

    def write(self, path: str | Path) -> None:
        """Write the file that the command writes, whole or not at all; the commands and `read_result` read it.

        Parameters
        ----------
        path : path
            HDF5 file; an existing one is replaced.

        Raises
        ------
        InvalidInput
            A Monte Carlo dose, whose file holds its sums as well: give `validation.monte_carlo_dose` a ``file``.
        """
        from validation.interface.results import write_result

        write_result(self._dataset, path)

    @property
    def indices(self) -> xr.Dataset:
        """Dose-volume indices of a comparison.

        ``D90``, ``V100``, ``D2cc`` … and ``<index>_std_dev`` (type A, k = 1) over (structure, engine), each in its own
        unit with its definition as ``description``; ``indices.to_dataframe()`` is a table.
        """
        from validation.interface.index_tables import index_table

        return index_table(self._of("the table of indices", "seedmc-comparison"))

    @property
    def summary(self) -> xr.Dataset:
        """Means, spreads and uncertainties of a study's indices over (scenario, structure, index).

        By TG-43, by Monte Carlo with TG-43 as control variate, noise of the histories apart; and the probability that
        the target's D90 reaches the prescription.
        """
        from validation.interface.index_tables import summary_table

        return summary_table(self._of("the summary", "seedmc-study"))

    def tg43_table(self) -> SourceData:
        """TG-43 table of a characterised seed, for ``source_data`` of `validation.tg43_dose`.

        Raises
        ------
        InvalidInput
            Too few histories: a cell of the tables met no photon.
        """
        from tg43.source_data import source_from_document
        from validation.studies.characterise_table import tg43_document

        return source_from_document(tg43_document(self._of("a TG-43 table", "seedmc-characterisation")))

    def plot_slice(
        self,
        *,
        x: float | None = None,
        y: float | None = None,
        z: float | None = None,
        dose: str | Sequence[str] | None = None,
        case: Case | None = None,
        isodoses: Sequence[float] = ISODOSES,
        structures: Sequence[str] | None = None,
        seeds: bool = True,
        wash: bool = False,
        ax: Axes | None = None,
    ) -> Axes:
        """Isodoses on the CT, with contours and seeds, on the slice of voxels nearest to a coordinate.

        Parameters
        ----------
        x, y, z : float, optional
            One of them, cm: a sagittal, coronal or axial slice. Default: axial, through the middle of the target.
        dose : str or sequence of str, optional
            Variable (``"dose_to_water"``) or engine (``"tg43"``); the second is dashed. Default: the dose, or both
            doses of a comparison.
        case : Case, optional
            Contours and seeds of a dose; a comparison has them.
        isodoses : sequence of float
            % of the prescription.
        structures : sequence of str, optional
            Contours to draw; default all.
        seeds : bool
            Draw the seeds that cross the slice.
        wash : bool
            Dose as colours too, with a scale in Gy.
        ax : matplotlib.axes.Axes, optional
            Where to draw; default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            In cm, LPS; axial slices seen from the feet.

        Raises
        ------
        InvalidInput
            Not a dose or comparison, two coordinates, one outside the grid, or an unknown dose or structure.
        """
        from validation.interface.slice_plots import plot_slice

        data = self._of("a slice", "seedmc-comparison", *_DOSES)
        return plot_slice(data, {"x": x, "y": y, "z": z}, dose, case, isodoses, structures, seeds, wash, ax)

    def plot_difference(
        self,
        *,
        x: float | None = None,
        y: float | None = None,
        z: float | None = None,
        quantity: str = "percent",
        limit: float | None = None,
        structures: Sequence[str] | None = None,
        seeds: bool = True,
        ax: Axes | None = None,
    ) -> Axes:
        """Difference of the doses of a comparison on a slice, blue below and red above.

        Parameters
        ----------
        x, y, z : float, optional
            As in `plot_slice`.
        quantity : {"percent", "Gy", "prescription", "z_score"}
            In % of the dose that is judged against, in Gy, in % of the prescription, or over its standard uncertainty.
        limit : float, optional
            End of the colour scale on both sides; default a round number beyond 95 % of the voxels shown.
        structures, seeds, ax
            As in `plot_slice`.

        Returns
        -------
        matplotlib.axes.Axes
            Voxels below 10 % of the prescription are left grey: a percentage of little dose says little.

        Raises
        ------
        InvalidInput
            Not a comparison, an unknown quantity or structure, two coordinates, or one outside the grid.
        """
        from validation.interface.slice_plots import plot_difference

        data = self._of("a map of the difference", "seedmc-comparison")
        return plot_difference(data, {"x": x, "y": y, "z": z}, quantity, limit, structures, seeds, ax)

    def plot_dvh(
        self, *, case: Case | None = None, structures: Sequence[str] | None = None, ax: Axes | None = None
    ) -> Axes:
        """Cumulative dose-volume histograms; a comparison's second dose is dashed.

        Parameters
        ----------
        case : Case, optional
            Structures of a dose; a comparison has them.
        structures : sequence of str, optional
            Default: targets and organs.
        ax : matplotlib.axes.Axes, optional
            Where to draw; default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            Gy and % of the structure's tissue; bands of ± 2 type A standard uncertainties of a comparison's Monte Carlo
            dose; a line at the prescription.

        Raises
        ------
        InvalidInput
            Not a dose or comparison, a dose without its case, or an unknown structure.
        """
        from validation.interface.curve_plots import plot_dvh

        return plot_dvh(self._of("a histogram", "seedmc-comparison", *_DOSES), case, structures, ax)

    def plot_radial_dose_function(self, *, ax: Axes | None = None) -> Axes:
        """g_L(r) of a characterised seed with bars of ± 2 standard uncertainties; the consensus where there is one."""
        from validation.interface.curve_plots import plot_radial_dose_function

        return plot_radial_dose_function(self._of("g_L", "seedmc-characterisation"), ax)

    def plot_anisotropy_function(self, *, radii: Sequence[float] = RADII, ax: Axes | None = None) -> Axes:
        """F(r, θ) of a characterised seed at tabulated distances next to `radii` [cm], ± 2 standard uncertainties.

        Raises
        ------
        InvalidInput
            Not a characterisation, or a radius outside the table.
        """
        from validation.interface.curve_plots import plot_anisotropy_function

        return plot_anisotropy_function(self._of("F", "seedmc-characterisation"), radii, ax)

    def plot_index(self, index: str = "D90", *, structure: str | None = None, ax: Axes | None = None) -> Axes:
        """An index of a study by both engines, against σ or scenario by scenario.

        Parameters
        ----------
        index : str
            Such as ``"D90"``.
        structure : str, optional
            Default: the target.
        ax : matplotlib.axes.Axes, optional
            Where to draw; default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            Means with bars of ± 2 standard uncertainties, and the standard deviation over the members as a band.

        Raises
        ------
        InvalidInput
            Not a study, or an unknown index or structure.
        """
        from validation.interface.curve_plots import plot_index

        return plot_index(self._of("a course of indices", "seedmc-study"), index, structure, ax)
