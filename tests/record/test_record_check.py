"""Verdicts, and numbers as text."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcsim.invalid_input import InvalidInput
from validation.record.check import (
    COVERAGE_OF_A_PUBLICATION,
    Check,
    Citation,
    Shortfall,
    coverage_of_a_publication,
)
from validation.record.number_text import difference_text, number, size_text, with_uncertainty
from validation.record.references import (
    against_publication,
    citation,
    published_data,
    published_value,
    shortfall_of,
)


def check(value: float, std_dev: float = 0.0, tolerance: float = 0.0, **rest: object) -> Check:
    return Check(
        "name", "group", "quantity", "1", value, std_dev, 1.0, Citation("x"), tolerance, "reason", **rest
    )


KNOWN = Shortfall(0.04, 0.03, "measured", "known")


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (check(1.009, tolerance=0.01), "agrees"),
        (check(1.011, tolerance=0.01), "misses"),
        (check(0.989, tolerance=0.01), "misses"),
        (check(1.05, 0.01), "agrees"),  # 5 of 5.7 standard uncertainties
        (check(1.06, 0.01), "misses"),
        (check(1.06, 0.01, coverage=3.0), "misses"),
        (check(1.06, 0.01, reference_type_a=0.01), "agrees"),  # √2 · 5.7 = 8.06 hundredths
        (check(1.011, tolerance=0.01, shortfall=KNOWN), "misses, explained"),
        (check(1.009, tolerance=0.01, shortfall=KNOWN), "agrees"),
        (check(1.069, tolerance=0.01, shortfall=KNOWN), "misses, explained"),
        (check(1.071, tolerance=0.01, shortfall=KNOWN), "misses"),
        (check(0.970, tolerance=0.01, shortfall=KNOWN), "misses"),  # on the other side
        (check(1.09, 0.01, tolerance=0.01, shortfall=KNOWN), "misses, explained"),  # 7 % and 5.7 · 1 %
        (
            check(1.09, 0.01, tolerance=0.01, coverage=0.0, shortfall=KNOWN),
            "misses, explained",
        ),  # at least 3 u
        (check(1.11, 0.01, tolerance=0.01, coverage=0.0, shortfall=KNOWN), "misses"),
        (check(math.nan, 0.1, 0.1), "misses"),
        (check(math.nan, 0.1, 0.1, shortfall=KNOWN), "misses"),
    ],
)
def test_verdict(made: Check, verdict: str) -> None:
    assert made.verdict == verdict


def test_a_publications_own_uncertainty_widens_nothing() -> None:
    tight, loose = (check(1.02, tolerance=0.01, reference_std_dev=s) for s in (0.0, 0.5))
    assert tight.allowed == loose.allowed
    assert loose.verdict == "misses"
    assert loose.combined_std_dev == pytest.approx(0.5)


def test_a_tolerance_needs_a_reason() -> None:
    with pytest.raises(InvalidInput, match="expected words that say why"):
        Check("name", "group", "quantity", "1", 1.0, 0.0, 1.0, Citation("x"), tolerance=0.01)
    with pytest.raises(InvalidInput, match=r"std_dev of the check name is -1.0, expected 0 or more"):
        check(1.0, -1.0)


def test_a_shortfall_needs_a_band_and_reasons() -> None:
    for known in (Shortfall(0.1, 0.0, "r", "e"), Shortfall(0.1, 0.1, "", "e"), Shortfall(0.1, 0.1, "r", "")):
        with pytest.raises(InvalidInput, match="expected a band above 0, its reason and an explanation"):
            check(1.0, shortfall=known)


def test_noise_widens_nothing_where_it_is_small() -> None:
    assert coverage_of_a_publication(0.0049, -1.0) == 0.0
    assert coverage_of_a_publication(0.0051, 1.0) == COVERAGE_OF_A_PUBLICATION


@pytest.mark.parametrize("name", published_data("published_values")["known_shortfalls"])
def test_a_known_shortfall_far_off_fails(name: str) -> None:
    known = shortfall_of(name)
    assert known is not None
    assert known.band < abs(known.departure)  # never an excuse for a departure to the other side

    def verdict(departure: float) -> str:
        return Check(
            name, "g", "q", "1", 1.0 + departure, 0.0005, 1.0, tolerance=0.01, reason="r", coverage=0.0,
            shortfall=known,
        ).verdict  # fmt: skip

    assert verdict(known.departure) == "misses, explained"
    assert verdict(known.departure + np.sign(known.departure) * 2.0 * known.band) == "misses"
    assert verdict(-known.departure) == "misses"
    assert verdict(3.0 * known.departure) == "misses"
    assert "{" not in known.explanation


def test_published_values_have_a_source_and_tolerances_a_reason() -> None:
    data = published_data("published_values")
    for name, entry in data["values"].items():
        assert citation(entry["source"]).text
        published = published_value(name)
        assert published.unit
        assert (published.tolerance == 0.0) or published.reason, name
    used = {entry["source"] for entry in [*data["values"].values(), *data.values()] if "source" in entry}
    assert set(data["sources"]) - used <= {
        "nist126",
        "neck13",
    }  # these are named by the modules that use them
    with pytest.raises(InvalidInput, match="published value is 'no such', expected one of"):
        published_value("no such")


def test_a_check_against_a_publication_takes_its_tolerance_from_the_data() -> None:
    published = published_value("dose_rate_constant OncoSeed 6711")
    inside, outside = (
        against_publication("Λ", "seeds", "Λ", value, 0.0, published).verdict for value in (0.9412, 0.9414)
    )
    assert (inside, outside) == ("agrees", "misses")


@given(st.floats(1e-30, 1e30), st.floats(1e-6, 0.5), st.sampled_from([1.0, -1.0]))
def test_a_number_is_written_to_a_tenth_of_its_uncertainty(size: float, relative: float, sign: float) -> None:
    text = number(sign * size, relative * size)
    mantissa, _, power = text.partition("·10")
    exponent = int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)
    assert float(mantissa.replace("−", "-")) * 10.0**exponent == pytest.approx(
        sign * size, abs=0.0501 * relative * size
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (with_uncertainty(3.7594e-14, 1.2e-16, 0.0), "3.759·10⁻¹⁴ ± 1.2·10⁻¹⁶"),
        (with_uncertainty(1984.7213, 0.0, 0.01), "1984.7213"),
        (difference_text(0.02, 0.5, True), "+4.0 %"),
        (difference_text(-0.02, 0.5, False), "−0.020"),
        (difference_text(0.0, 0.0, True), "0"),
        (size_text(0.013, 1.3, True), "1.0 %"),
        (number(math.nan, 1.0), "not a number"),
    ],
)
def test_text_of_numbers(text: str, expected: str) -> None:
    assert text == expected
