"""Options that are fields of a dataclass reach the simulation as the options that they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from mcsim.invalid_input import InvalidInput
from validation.commands.option_groups import unfold
from validation.commands.simulation_options import PhantomOptions, StopOptions, TransportOptions
from validation.studies.monte_carlo import MonteCarloOptions


@dataclass(frozen=True)
class Box:
    width: Annotated[float, typer.Option(help="how wide")] = 1.0
    names: Annotated[list[str] | None, typer.Option("--name")] = None


def test_every_field_is_an_option_of_the_command() -> None:
    app, seen = typer.Typer(), []

    @app.command()
    @unfold
    def command(source: str, box: Box, last: bool = False) -> None:
        """Words about it."""
        seen.append((source, box, last))

    arguments = ["here", "--name", "a", "--width", "2", "--name", "b", "--last"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert CliRunner().invoke(app, ["there"]).exit_code == 0
    assert seen == [("here", Box(2.0, ["a", "b"]), True), ("there", Box(), False)]
    told = CliRunner().invoke(app, ["--help"]).output
    assert "how wide" in told
    assert "Words about it." in told


def test_without_options_the_simulation_is_the_default_one() -> None:
    options = TransportOptions(threads=1).applied_to(PhantomOptions().monte_carlo_options())
    assert options == MonteCarloOptions()


def test_plain_transport_is_chosen_or_follows_from_what_needs_it() -> None:
    plain = TransportOptions(variance_reduction="none").applied_to(MonteCarloOptions())
    assert plain.engine_settings().variance_reduction == "none"
    assert MonteCarloOptions().engine_settings().variance_reduction == "correlated"
    assert MonteCarloOptions(analogue=True).engine_settings().variance_reduction == "none"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (MonteCarloOptions(analogue=True, variance_reduction="correlated"), "'none' with the analogue estimator"),
        (MonteCarloOptions(analogue=True, difference=True), "expected one of them"),
        (MonteCarloOptions(variance_reduction="none", difference=True), "'correlated' with the difference to water"),
        (MonteCarloOptions(variance_reduction="more"), "expected 'correlated' or 'none'"),
    ],
)  # fmt: skip
def test_contradictions_are_refused(options: MonteCarloOptions, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        options.engine_settings()


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (StopOptions(), (0.02, 0, float("inf"))),
        (StopOptions(histories=100), (0.0, 100, float("inf"))),
        (StopOptions(uncertainty=1.0, max_time=60.0), (0.01, 0, 60.0)),
    ],
)
def test_two_percent_stop_the_simulation_where_nothing_else_does(
    stop: StopOptions, expected: tuple[float, int, float]
) -> None:
    rule = stop.rule()
    assert (rule.uncertainty, rule.histories, rule.time_s) == expected
