"""A Slurm of its own: slurmctld, munged and two nodes on loopback, in a temporary folder."""

import itertools
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "squeue", "scancel", "scontrol")
NODES = ("n1", "n2")
CPUS, MEMORY_MB = 4, 32000
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
ReturnToService=2
# So long finished jobs can be asked about; a run of the tests takes less.
MinJobAge=7200
# A node that says nothing for so long is down; the default is five minutes.
SlurmdTimeout=10
KillWait=2
SchedulerParameters=sched_interval=2,bf_interval=2
GresTypes=gpu
NodeName=DEFAULT CPUs={cpus} RealMemory={memory} Gres=gpu:fake:1
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]}
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]}
PartitionName=cpu Nodes=n1,n2 MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=n1,n2 MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Say why no Slurm can be started here; None where one can."""
    if os.geteuid() != 0:
        return "Slurm's daemons need root"
    path = f"{os.environ['PATH']}{os.pathsep}/usr/sbin{os.pathsep}/sbin"
    absent = [name for name in PROGRAMS if not shutil.which(name, path=path)]
    needed = "apt-get install --no-install-recommends slurmctld slurmd slurm-client munge"
    return f"no {', '.join(absent)}: {needed}" if absent else None


def free_ports(number: int) -> list[int]:
    """Ports that nothing listens on, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_until(condition, seconds: float, what: str, every: float = 0.2):
    """Return what `condition` returns once that is true; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not after {seconds} s: {what}"
        time.sleep(every)
    return result


@dataclass
class Job:
    """What `scontrol show job --details` says of a job, and Snakemake's comment on it."""

    id: str
    state: str
    rule: str
    wildcards: str
    partition: str
    node: str
    memory_mb: int
    time_limit: str
    gpus: frozenset[str]
    """Each as NODE:INDEX; said only while the job runs."""
    start: str
    end: str


def read_job(text: str) -> Job:
    """One paragraph of `scontrol show job --details`."""
    said = dict(re.findall(r"(\S+?)=(\S*)", text))
    rule, _, wildcards = said.get("Comment", "").removeprefix("rule_").partition("_wildcards_")
    gpus = re.findall(r" Nodes=(\S+) .* GRES=gpu:\S*\(IDX:(\d+)\)", text)
    memory = re.search(r"mem=([\d.]+)([MG])", said["TRES"])
    return Job(
        id=said["JobId"],
        state=said["JobState"],
        rule=rule,
        wildcards=wildcards,
        partition=said["Partition"],
        node=said["NodeList"],
        memory_mb=round(float(memory[1]) * {"M": 1, "G": 1024}[memory[2]]) if memory else 0,
        time_limit=said["TimeLimit"],
        gpus=frozenset(":".join(found) for found in gpus),
        start=said["StartTime"],
        end=said["EndTime"],
    )


def overlapping(jobs: list[Job]) -> list[tuple[str, str]]:
    """Pairs of jobs that had the same GPU at the same time (times are to the second)."""
    return [
        (one.id, other.id)
        for one, other in itertools.combinations(jobs, 2)
        if one.gpus & other.gpus and one.start < other.end and other.start < one.end
    ]


@dataclass
class Process:
    """A process of the cluster or of one of its jobs."""

    pid: int
    parent: int
    command: str
    job: str
    node: str


class Cluster:
    """Started by `start`, stopped by `stop`; `environment` is what its programs need."""

    # The Python that has Snakemake and its Slurm plugin.
    python: Path

    def __init__(self, folder: Path):
        self.folder = folder
        path = [str(folder / "bin"), os.environ["PATH"], "/usr/sbin", "/sbin"]
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join(path),
            "SLURM_CONF": str(folder / "slurm.conf"),
            # By this, whatever was started for this cluster is found again. (Of names that begin
            # with SLURM_ the plugin clears job steps.)
            "TEST_SLURM_CLUSTER": str(folder),
        }

    def start(self) -> None:
        host = socket.gethostname().partition(".")[0]
        for name in ("bin", "state", *(f"spool.{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                host=host, folder=self.folder, ports=free_ports(3), cpus=CPUS, memory=MEMORY_MB
            )
        )
        gpu = "NodeName={} Name=gpu Type=fake File=/dev/null\n"
        (self.folder / "gres.conf").write_text("".join(map(gpu.format, NODES)))
        # The plugin for job steps removes SLURM_CONF, which a cluster in /etc/slurm does without.
        srun = self.folder / "bin" / "srun"
        srun.write_text(
            f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {shutil.which("srun")} "$@"\n'
        )
        srun.chmod(0o755)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        files = {
            "key-file": "munge.key",
            "socket": "munge.sock",
            "pid-file": "munged.pid",
            "log-file": "munged.log",
            "seed-file": "munge.seed",
        }
        self.run("munged", "--force", *(f"--{o}={self.folder / f}" for o, f in files.items()))
        self.run("slurmctld")
        for node in NODES:
            self.start_node(node)

    def start_node(self, node: str) -> None:
        """Start a node, or one that was killed, and wait until jobs may run there."""
        self.run("slurmd", "-N", node)
        wait_until(lambda: self.node_state(node) == "IDLE", 120, f"node {node} is idle")

    def kill_node(self, node: str) -> None:
        """As if its power failed: slurmd and all that its jobs started die, and nobody is told."""
        os.kill(self.pid_of(f"slurmd.{node}"), signal.SIGKILL)
        processes = [process for process in self.processes() if process.node == node]
        parents = {process.parent for process in processes}
        steps = {pid for pid in parents if "slurmstepd" in read_process(pid, "comm")}
        for pid in [*steps, *(process.pid for process in processes)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """Cancel all jobs and stop what was started, each by its process id."""
        if self.pid_of("slurmctld"):
            self.run("scancel", "--user", "root")
            wait_until(lambda: not self.run("squeue", "--noheader"), 60, "all jobs have ended")
        for name in (*(f"slurmd.{node}" for node in NODES), "slurmctld", "munged"):
            if pid := self.pid_of(name):
                os.kill(pid, signal.SIGTERM)
                wait_until(lambda pid=pid: not read_process(pid, "stat"), 60, f"{name} has ended")

    def run(self, *command: str) -> str:
        """Run one of Slurm's programs; return what it prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def pid_of(self, daemon: str) -> int | None:
        """The process of a daemon; None where it has not been started."""
        file = self.folder / f"{daemon}.pid"
        return int(file.read_text()) if file.exists() else None

    def node_state(self, node: str) -> str:
        said = self.run("scontrol", "show", "node", node)
        return re.search(r"State=(\S+)", said)[1]

    def jobs(self) -> list[Job]:
        """All jobs so far, by number."""
        said = self.run("scontrol", "show", "jobs", "--details")
        if "No jobs" in said:
            return []
        jobs = [read_job(text) for text in said.strip().split("\n\n")]
        return sorted(jobs, key=lambda job: int(job.id))

    def processes(self) -> list[Process]:
        """What runs of what was started for this cluster."""
        mine = f"TEST_SLURM_CLUSTER={self.folder}"
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            pid = int(folder.name)
            environment = read_process(pid, "environ").split("\0")
            if mine in environment and pid != os.getpid():
                known = dict(line.partition("=")[::2] for line in environment)
                parent = re.search(r"\) \S (\d+)", read_process(pid, "stat"))
                found.append(
                    Process(
                        pid=pid,
                        parent=int(parent[1]) if parent else 0,
                        command=read_process(pid, "cmdline").replace("\0", " "),
                        job=known.get("SLURM_JOB_ID", ""),
                        node=known.get("SLURMD_NODENAME", ""),
                    )
                )
        return found

    def held(self, rule: str) -> Process:
        """Wait for a job's script to run and stop it there (SIGSTOP)."""
        script = re.compile(r"python \S*\.\w+\.py")

        def found() -> Process | None:
            rules = {job.id: job.rule for job in self.jobs()}
            running = (p for p in self.processes() if rules.get(p.job) == rule)
            return next((p for p in running if script.search(p.command)), None)

        process = wait_until(found, 300, f"a job of {rule} runs", every=0.05)
        os.kill(process.pid, signal.SIGSTOP)
        return process


def read_process(pid: int, name: str) -> str:
    """A file of /proc; nothing where the process is gone, or a zombie that nobody waits for."""
    try:
        text = Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""
    return "" if name == "stat" and re.search(r"\) Z ", text) else text
