"""The packaged seeds, characterised from first principles, against published values."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import xarray as xr

from tg43 import geometry_function, load_source
from validation.studies.characterise import characterise
from validation.studies.characterise_consensus import beside_consensus

HISTORIES = 10_000_000

# alias: chamber, Λ by Monte Carlo, cGy h⁻¹ U⁻¹. "wafac": with a model of the wide-angle chamber, "point": strength at a
# point of the transverse axis. For ThinSeed 9011 and STM1251 no simulation was found whose value could be checked.
PUBLISHED = [
    ("6711", "wafac", 0.932),  # Safigholi et al. 2020, doi:10.1002/mp.14249
    ("125SL", "wafac", 0.9337),  # Safigholi et al. 2020, as given at physics.carleton.ca/clrp
    ("IAI-125A", "wafac", 0.925),  # Taylor and Rogers 2008, physics.carleton.ca/clrp
    ("IAI-125A", "point", 0.959),  # Taylor and Rogers 2008, physics.carleton.ca/clrp
    ("I25.S06", "wafac", 1.010),  # Hedtjärn, Alm Carlsson and Williamson, Med. Phys. 27, 1076 (2000)
    ("6702", "wafac", 1.016),  # Hedtjärn, Alm Carlsson and Williamson 2000
    ("selectSeed", "point", 0.954),  # Karaiskos et al., Med. Phys. 28, 1753 (2001)
    ("200", "wafac", 0.691),  # Monroe and Williamson 2002, doi:10.1118/1.1460876
    ("CS-1", "wafac", 1.040),  # Wittman and Fisher, Med. Phys. 34, 49 (2007), ± 2.2 %
]
# ThinSeed 9011: published g_L for L = 0.28 cm (one transcription, single-paper data)
RADIAL_DOSE_9011 = {
    0.5: 1.072,
    0.7: 1.047,
    1.5: 0.908,
    2.0: 0.811,
    3.0: 0.629,
    4.0: 0.477,
    5.0: 0.357,
    7.0: 0.196,
}


@cache
def seed(alias: str) -> xr.Dataset:
    return characterise(alias, HISTORIES, threads=2)


@pytest.mark.slow
@pytest.mark.parametrize(("alias", "chamber", "published"), PUBLISHED)
def test_dose_rate_constant_is_the_published_one(alias: str, chamber: str, published: float) -> None:
    value = float(seed(alias).dose_rate_constant.sel(chamber=chamber))
    deviation = float(seed(alias).dose_rate_constant_std_dev.sel(chamber=chamber))
    assert deviation < (0.004 if chamber == "wafac" else 0.008) * value
    # 2.5 %: the published values for one seed differ by 1 to 2 % with spectra, cross sections and reading of the
    # geometry (1 % for the 6711, the best known); type A with 3 σ
    type_b = 0.01 if alias == "6711" else 0.025
    assert abs(value / published - 1.0) < type_b + 3.0 * deviation / value


@pytest.mark.slow
def test_strength_per_history_of_the_6711_and_of_palladium() -> None:
    # 3.7666e-14 Gy cm² (Safigholi et al. 2020); 0.7 %: cross sections and the reading of the coating
    assert float(seed("6711").air_kerma_strength_per_history[0]) == pytest.approx(3.7666e-14, rel=0.007)
    # 6.4261e-14 Gy cm² (Safigholi et al. 2020) counts the L x rays of 2.7 keV as histories: 0.0873 per decay of which
    # nothing leaves the seed, beside 0.77 of the K lines and gammas. 2.5 % for coating and end cups as read here.
    from mcsim.seed_model import load_seed_model

    lines = sum(load_seed_model("200").spectrum.photons_per_decay)
    strength = float(seed("200").air_kerma_strength_per_history[0])
    assert strength * lines / (lines + 0.0873) == pytest.approx(6.4261e-14, rel=0.025)


@pytest.mark.slow
def test_radial_dose_and_anisotropy_of_the_6711_are_those_of_tg43u1() -> None:
    beside = beside_consensus(seed("6711"), load_source("6711"))
    for r in beside.consensus_r.values:
        if r < 0.5 or r == 4.0:
            continue  # below 0.5 cm and at 4 cm the consensus departs from later tables by 2 to 4 %
        at = beside.sel(consensus_r=r)
        ours, published = float(at.radial_dose_function_line), float(at.consensus_radial_dose_function_line)
        deviation = float(seed("6711").radial_dose_function_line_std_dev.sel(r=r))
        # 2 %: the agreement of published tables among each other; 3 σ
        assert abs(ours - published) < 0.02 * published + 3.0 * deviation, r
    at_4 = float(seed("6711").radial_dose_function_line.sel(r=4.0))
    assert 0.470 < at_4 < 0.488  # other tables: 0.477 to 0.482; type A 0.4 %
    f = beside.sel(consensus_theta=beside.consensus_theta >= 50.0 - 1e-9)
    difference = f.anisotropy_function / f.consensus_anisotropy_function - 1.0
    # 4 %: the consensus is of an older model of the end welds, from 50° on within 4 %; type A below 0.8 % at 5 cm
    assert float(np.abs(difference).max()) < 0.04


@pytest.mark.slow
def test_radial_dose_function_of_the_thin_seed() -> None:
    data = seed("9011")
    length = data.attrs["active_length"]
    assert length == 0.28
    for r, published in RADIAL_DOSE_9011.items():
        ours = float(data.radial_dose_function_line.sel(r=r))
        deviation = float(data.radial_dose_function_line_std_dev.sel(r=r))
        assert abs(ours - published) < 0.02 * published + 3.0 * deviation, r
    # and g_P differs from g_L by the geometry functions alone
    ratio = float(data.radial_dose_function_point.sel(r=0.5) / data.radial_dose_function_line.sel(r=0.5))
    expected = geometry_function(0.5, np.pi / 2, length) / geometry_function(1.0, np.pi / 2, length) * 0.25
    assert ratio == pytest.approx(float(expected), rel=1e-9)
