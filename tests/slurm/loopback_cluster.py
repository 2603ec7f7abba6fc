"""Bring up Debian's Slurm on loopback, run a command in it, take everything down again.

    python tests/slurm/loopback_cluster.py --nodes 2 sinfo
    python tests/slurm/loopback_cluster.py snakemake --profile workflow/profiles/slurm

One munged, one slurmctld and a slurmd for each virtual node run in the foreground below this process: no systemd, no
accounting, no cgroups, nothing in /etc, ports of its own, no traffic that leaves the machine. Clusters of several
callers do not meet. Without a command the environment to join is printed as one line of JSON, and the cluster stays
until standard input ends, so that it never outlives its caller.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import getpass
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "scontrol", "sinfo", "squeue", "sbatch", "srun", "scancel")
PACKAGES = "munge slurmctld slurmd slurm-client"
SEARCHED = os.pathsep.join(("/usr/sbin", "/usr/local/sbin", "/sbin", os.environ.get("PATH", "")))
SECONDS_TO_START = 30
SECONDS_TO_STOP = 15

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h

# SlurmdTimeout: a killed node is noticed after this many seconds. config_overrides: nodes may have more cores
# than the machine. MinJobAge: finished jobs stay visible to squeue, which is asked for their state.
CONFIGURATION = """\
ClusterName=loopback
SlurmctldHost={host}({address})
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
{communication}
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=10
KillWait=5
MessageTimeout=20
MinJobAge=3600
SchedulerParameters=sched_interval=2,batch_sched_delay=0
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool_%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd_%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd_%n.log
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


# Slurm looks for cgroups at its start even if nothing uses them, and gives up on the second version's without systemd.
CGROUPS = "CgroupPlugin=cgroup/v1\n"


class ClusterUnavailable(RuntimeError):
    """Slurm is not installed here or does not start; the message says which and why."""


def require_programs() -> None:
    """Raise ClusterUnavailable if a program of Slurm or MUNGE is missing."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=SEARCHED) is None]
    if missing:
        raise ClusterUnavailable(
            f"Slurm lacks {', '.join(missing)}, expected the programs of Debian's {PACKAGES}. "
            f"Run: apt-get install --no-install-recommends {PACKAGES}."
        )


def own_address(host: str) -> tuple[str, str]:
    """Give the address at which daemons reach each other, and the setting that makes them listen nowhere else.

    Slurm listens at the address of the host's name: 127.0.0.1 on most single machines, that of a virtual interface in
    most containers. Without any, daemons listen everywhere, and only know each other (by the key made for them).
    """
    with contextlib.suppress(OSError), socket.socket() as tried:
        address = socket.gethostbyname(host)
        tried.bind((address, 0))
        return address, "CommunicationParameters=NoCtldInAddrAny,NoInAddrAny"
    return "127.0.0.1", ""


def free_ports(count: int, address: str) -> list[int]:
    """Give ports of an address that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for bound in sockets:
            bound.bind((address, 0))
        return [bound.getsockname()[1] for bound in sockets]


def write_cluster(folder: Path, names: list[str], cpus: int) -> dict[str, str]:
    """Write configuration, key and a client path into a folder; return the environment that joins the cluster."""
    host = socket.gethostname().split(".")[0]
    address, communication = own_address(host)
    controller_port, *node_ports = free_ports(1 + len(names), address)
    nodes = "\n".join(
        f"NodeName={name} NodeHostname={host} NodeAddr={address} Port={port} CPUs={cpus} RealMemory=16000"
        for name, port in zip(names, node_ports, strict=True)
    )
    folder.chmod(0o755)  # MUNGE wants every client to reach its socket
    (folder / "state").mkdir()
    configuration = folder / "slurm.conf"
    configuration.write_text(
        CONFIGURATION.format(
            host=host,
            address=address,
            communication=communication,
            controller_port=controller_port,
            user=getpass.getuser(),
            folder=folder,
            nodes=nodes,
        )
    )
    (folder / "cgroup.conf").write_text(CGROUPS)
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    # The executor's job step drops SLURM_CONF from the environment and calls srun by name: this one restores it.
    programs = folder / "bin"
    programs.mkdir()
    srun = programs / "srun"
    srun.write_text(
        f'#!/bin/sh\nSLURM_CONF={configuration} exec {shutil.which("srun", path=SEARCHED)} "$@"\n'
    )
    srun.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    path = os.pathsep.join((str(programs), environment.get("PATH", ""), "/usr/sbin"))
    return environment | {"SLURM_CONF": str(configuration), "PATH": path}


def start_daemons(
    folder: Path, names: list[str], environment: dict[str, str]
) -> dict[str, subprocess.Popen[bytes]]:
    """Start munged, slurmctld and a slurmd for each node, each in the foreground with its output in a file."""
    commands = {
        "munged": [
            "munged",
            "--foreground",
            f"--socket={folder}/munge.socket",
            f"--key-file={folder}/munge.key",
            f"--pid-file={folder}/munged.pid",
            f"--seed-file={folder}/munged.seed",
            f"--log-file={folder}/munged.log",
        ],
        "slurmctld": ["slurmctld", "-D", "-c"],
    } | {name: ["slurmd", "-D", "-N", name] for name in names}
    daemons: dict[str, subprocess.Popen[bytes]] = {}
    for name, command in commands.items():
        program = shutil.which(command[0], path=SEARCHED)
        with (folder / f"{name}.out").open("wb") as output:
            daemons[name] = subprocess.Popen(
                command,
                executable=program,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # an interrupt from the terminal is ours to pass on, in order
                # If this process is killed outright, the daemons end too. It has no threads that a fork could break.
                preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0),  # noqa: PLW1509
            )
        if name == "munged":
            wait_for_file(folder / "munge.socket", daemons, folder)
    return daemons


def failure_text(folder: Path, what: str) -> str:
    """Say what failed, with the last line of every log."""
    logs = sorted(path for path in folder.iterdir() if path.suffix in (".log", ".out"))
    last = {path.name: (path.read_text(errors="replace").splitlines() or [""])[-1] for path in logs}
    return f"{what}. " + "; ".join(f"{name}: {line}" for name, line in last.items() if line)


def wait_for_file(path: Path, daemons: dict[str, subprocess.Popen[bytes]], folder: Path) -> None:
    """Wait until a daemon has made its socket."""
    for _ in range(SECONDS_TO_START * 10):
        if path.exists():
            return
        check_alive(daemons, folder)
        time.sleep(0.1)
    raise ClusterUnavailable(failure_text(folder, f"{path.name} is not there after {SECONDS_TO_START} s"))


def check_alive(daemons: dict[str, subprocess.Popen[bytes]], folder: Path) -> None:
    """Raise ClusterUnavailable if a daemon has ended."""
    for name, daemon in daemons.items():
        if daemon.poll() is not None:
            raise ClusterUnavailable(failure_text(folder, f"{name} ended with exit code {daemon.returncode}"))


def wait_until_idle(
    folder: Path, environment: dict[str, str], daemons: dict[str, subprocess.Popen[bytes]]
) -> None:
    """Wait until every node has registered with the controller."""
    states: list[str] = []
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        check_alive(daemons, folder)
        asked = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--format=%T"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        states = asked.stdout.split()
        if states and set(states) == {"idle"}:
            return
        time.sleep(0.2)
    raise ClusterUnavailable(
        failure_text(folder, f"nodes are {states} after {SECONDS_TO_START} s, expected idle")
    )


def take_down(environment: dict[str, str], daemons: dict[str, subprocess.Popen[bytes]]) -> None:
    """Cancel every job, stop the daemons in order, and end whatever of theirs is left."""
    if daemons and all(daemon.poll() is None for daemon in daemons.values()):
        subprocess.run(
            ["scancel", f"--user={getpass.getuser()}"],
            env=environment,
            timeout=SECONDS_TO_STOP,
            capture_output=True,
            check=False,
        )
    for name in reversed(daemons):  # nodes first, munged last: it signs what the others say
        daemons[name].terminate()
        try:
            daemons[name].wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            daemons[name].kill()
            daemons[name].wait()
    # Job steps detach from slurmd; as their subreaper this process finds them among its own children.
    for _ in range(10):
        left = psutil.Process().children(recursive=True)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if not left:
            break
        psutil.wait_procs(left, timeout=1)


@contextlib.contextmanager
def loopback_cluster(nodes: int, cpus: int) -> Iterator[tuple[dict[str, str], dict[str, int]]]:
    """Give the environment and the nodes' process ids of a running cluster; take it down at the end."""
    require_programs()
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans of the daemons come to this process
    names = [f"n{number}" for number in range(1, nodes + 1)]
    folder = Path(tempfile.mkdtemp(prefix="loopback_slurm_"))
    daemons: dict[str, subprocess.Popen[bytes]] = {}
    environment: dict[str, str] = {}
    try:
        environment = write_cluster(folder, names, cpus)
        daemons = start_daemons(folder, names, environment)
        wait_until_idle(folder, environment, daemons)
        yield environment, {name: daemons[name].pid for name in names}
    finally:
        take_down(environment, daemons)
        shutil.rmtree(folder, ignore_errors=True)


def run() -> int:
    """Bring the cluster up around a command, or until standard input ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--nodes", type=int, default=2, help="virtual nodes (default 2)")
    parser.add_argument("--cpus", type=int, default=2, help="CPUs of each (default 2)")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to run in the cluster")
    arguments = parser.parse_args()
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with loopback_cluster(arguments.nodes, arguments.cpus) as (environment, processes):
            if command:
                return subprocess.run(command, env=environment, check=False).returncode
            print(json.dumps({"environment": environment, "nodes": processes}), flush=True)
            sys.stdin.read()
            return 0
    except ClusterUnavailable as reason:
        print(reason, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(run())
