"""Running a simulation into a file, going on where an interrupted run stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mcsim.invalid_input import ResultOfOtherSettings
from mcsim.result import Result
from mcsim.result_file import read_result, write_result
from mcsim.simulation import CHECKPOINT_S, Simulation
from mcsim.simulation_settings import Progress, StoppingRule


def run_to_file(
    simulation: Simulation,
    rule: StoppingRule,
    path: str | Path,
    case_digest: str = "",
    on_progress: Callable[[Progress], None] | None = None,
    checkpoint_s: float = CHECKPOINT_S,
) -> Result:
    """Run a simulation into a file, continuing what an interrupted run left.

    Parameters
    ----------
    simulation : Simulation
        What to run.
    rule : StoppingRule
        When to stop.
    path : path
        Result file; a checkpoint with the ending ``.checkpoint`` stands beside it until it is complete. An existing
        result of the same settings is continued if the rule asks for more.
    case_digest : str
        Digest of the case, stored with the result.
    on_progress : callable, optional
        Called after every batch.
    checkpoint_s : float
        Time between checkpoints, s.

    Returns
    -------
    Result

    Raises
    ------
    InvalidInput
        An existing file belongs to other settings.
    """
    path = Path(path)
    checkpoint = path.with_name(path.name + ".checkpoint")
    earlier = None
    for existing in (path, checkpoint):
        if not existing.is_file():
            continue
        found, _ = read_result(existing)
        if found.settings_digest != simulation.digest():
            raise ResultOfOtherSettings(
                f"settings digest of {existing} is {found.settings_digest[:16]}, expected {simulation.digest()[:16]} "
                f"(it is of another case, other settings or another version). Remove it or write to another place."
            )
        if earlier is None or found.batch_count > earlier.batch_count:
            earlier = found
    # A time limit says how long to work, not what to reach: a finished result fulfils it.
    if earlier and rule.only_limits_time and path.is_file() and not checkpoint.is_file():
        return earlier
    before = earlier.batch_count if earlier else -1
    result = simulation.run(
        rule,
        earlier,
        on_progress,
        lambda partial: write_result(checkpoint, partial, case_digest),
        checkpoint_s,
    )
    if result.batch_count != before or not path.is_file():
        if result.water_table_std_dev is None:
            result.water_table_std_dev = simulation.transport.table_std_dev(simulation.threads)
        write_result(path, result, case_digest)
    checkpoint.unlink(missing_ok=True)
    return result
