"""Dose-rate constants of the packaged seeds against published Monte Carlo values."""

from __future__ import annotations

import pytest

from mcsim.phase_space import load_phase_space
from mcsim.seed_model import load_seed_model
from validation.studies.dose_rate_constant import simulated_dose_rate_constant

HISTORIES = 3_000_000

# alias: Λ by Monte Carlo, cGy h⁻¹ U⁻¹, with a model of the WAFAC
PUBLISHED = {
    "6711": 0.932,  # Safigholi et al. 2020, doi:10.1002/mp.14360
    "125SL": 0.9337,  # Safigholi et al. 2020
    "IAI-125A": 0.925,  # Taylor and Rogers 2008, physics.carleton.ca/clrp
    "I25.S06": 1.010,  # Hedtjärn, Alm Carlsson and Williamson, Med. Phys. 27, 1076 (2000)
    "6702": 1.016,  # Hedtjärn, Alm Carlsson and Williamson 2000
    "200": 0.691,  # Monroe and Williamson 2002, doi:10.1118/1.1460876
    "CS-1": 1.040,  # Wittman and Fisher, Med. Phys. 34, 49 (2007), ± 2.2 %
}


@pytest.mark.slow
@pytest.mark.parametrize("alias", PUBLISHED)
def test_dose_rate_constant_is_the_published_one(alias: str) -> None:
    constant = simulated_dose_rate_constant(alias, HISTORIES, threads=2)
    # 2.5 %: the published values for one seed differ by 1 to 2 % with spectra, cross sections and reading of the
    # geometry; our own type A uncertainty is 0.3 %, allowed for with 3 σ.
    assert constant.std_dev < 0.005 * constant.value
    assert abs(constant.value / PUBLISHED[alias] - 1.0) < 0.025 + 3.0 * constant.std_dev / constant.value


@pytest.mark.slow
def test_strength_per_history_of_palladium() -> None:
    seed = load_phase_space(load_seed_model("200"), HISTORIES, threads=2)
    # 6.4261e-14 Gy cm² (Safigholi et al. 2020) counts the L x rays of 2.7 keV as histories: 0.0873 per decay of which
    # nothing leaves the seed, beside 0.77 of the K lines and gammas. 2.5 % for coating and end cups as read here.
    lines = sum(load_seed_model("200").spectrum.photons_per_decay)
    assert seed.air_kerma_strength * lines / (lines + 0.0873) == pytest.approx(6.4261e-14, rel=0.025)
