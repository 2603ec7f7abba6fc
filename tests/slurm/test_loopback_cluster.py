"""The loopback cluster by itself: it comes up, knows when a node is gone, and leaves nothing behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

SCRIPT = Path(__file__).parent / "loopback_cluster.py"


def test_nodes_come_up_and_run_jobs_at_one_address(cluster) -> None:
    assert cluster.ask("sinfo", "--noheader", "--Node", "--format=%N %T").split("\n")[:2] == [
        "n1 idle",
        "n2 idle",
    ]
    ran = cluster.ask("srun", "--nodes=2", "sh", "-c", "echo $SLURMD_NODENAME")
    assert sorted(ran.split()) == ["n1", "n2"]
    # Nobody outside can connect: every daemon is bound to this machine's own address.
    listening = {
        connection.laddr.ip
        for process in cluster.keeper.children(recursive=True)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    try:
        assert listening == {socket.gethostbyname(socket.gethostname())}
    except OSError:
        assert listening <= {"0.0.0.0", "::"}  # a host without a name: Slurm cannot be told where to listen


def test_nothing_is_left_whatever_ends_it(cluster, tmp_path: Path) -> None:
    cluster.ask("sbatch", "--parsable", "--output", str(tmp_path / "log"), "--wrap", "sleep 600")
    folder = Path(cluster.environment["SLURM_CONF"]).parent
    for _ in range(200):
        ours = cluster.keeper.children(recursive=True)
        if "sleep" in {process.name() for process in ours}:
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the job does not run after 20 s")
    cluster.keeper.terminate()
    _, alive = psutil.wait_procs([cluster.keeper, *ours], timeout=40)
    assert not alive
    assert not folder.exists()


def test_says_what_is_missing(tmp_path: Path) -> None:
    # A machine without Slurm: no program of it on any path that is searched.
    code = (
        f"import runpy, sys; module = runpy.run_path({str(SCRIPT)!r}); "
        f"module['require_programs'].__globals__['SEARCHED'] = {str(tmp_path)!r}; sys.argv = ['x']; "
        "sys.exit(module['run']())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert ran.returncode == 3
    assert "apt-get install --no-install-recommends munge slurmctld slurmd slurm-client" in ran.stderr
    assert "slurmctld" in ran.stderr
