from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

SCRIPT = Path(__file__).parent / "loopback_cluster.py"
UNAVAILABLE = 3  # exit code of the script where Slurm is not installed or does not start


@dataclass
class Cluster:
    """A running loopback cluster: how to join it, and what keeps it running."""

    environment: dict[str, str] = field(repr=False)  # may hold what no log should show
    nodes: dict[str, int]
    keeper: psutil.Process

    def kill_node(self, name: str) -> None:
        """End a node as a power cut does: slurmd, job steps and their processes, without a word to the controller."""
        killed = [psutil.Process(self.nodes[name])]
        for process in self.keeper.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                if process.environ().get("SLURMD_NODENAME") == name:
                    # The step manager knows its node only by what it started.
                    steps = [parent for parent in process.parents() if parent.name().startswith("slurmstepd")]
                    killed += [*steps, process]
        for process in killed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)

    def ask(self, *command: str) -> str:
        """Give what a Slurm command prints."""
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True, timeout=60
        ).stdout


Bringer = Callable[..., contextlib.AbstractContextManager[Cluster]]


@contextlib.contextmanager
def brought_up(nodes: int = 2, cpus: int = 2) -> Iterator[Cluster]:
    """Bring a cluster up in a process of its own, which ends with this one whatever happens."""
    scripts = sysconfig.get_path("scripts")
    environment = dict(os.environ) | {"PATH": scripts + os.pathsep + os.environ["PATH"]}
    keeper = subprocess.Popen(
        [sys.executable, str(SCRIPT), "--nodes", str(nodes), "--cpus", str(cpus)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    with keeper:
        assert keeper.stdout is not None
        assert keeper.stderr is not None
        told = keeper.stdout.readline()
        if not told:
            reason = keeper.stderr.read().strip()
            assert keeper.wait() == UNAVAILABLE, reason
            if os.environ.get("SEEDMC_REQUIRE_SLURM"):
                pytest.fail(reason)
            pytest.skip(reason)
        yield Cluster(**json.loads(told), keeper=psutil.Process(keeper.pid))


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A loopback cluster of two nodes; skips with the reason where Slurm is missing or does not start."""
    with brought_up() as running:
        yield running
