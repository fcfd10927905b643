"""The profiles, and what stands between a run and an earlier one's jobs; on Slurm: tests/slurm."""

import os
import re
from pathlib import Path

import pytest
import yaml
from generic_rules import JOBS
from snakemake.profiles import ProfileConfigFileParser

from embedding_sensitivity.experiment.snakemake_internals import check_jobs_left
from embedding_sensitivity.experiment.targets import memory_of, minutes_of
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.machine_limits import memory_mb

ROOT = Path(__file__).resolve().parents[2]
RUN = "sensitivity_be4b4532-e532-4512-af46-63a7923acfe1"


def read_profile(name: str) -> dict:
    """A profile as Snakemake reads it."""
    with open(ROOT / "profiles" / name / "config.yaml", encoding="utf-8") as file:
        return ProfileConfigFileParser().parse(file)


def rules() -> dict[str, str]:
    """The text of each rule by its name."""
    found = {}
    for path in (ROOT / "rules").glob("*.smk"):
        parts = re.split(r"^ *rule (\w+):\n", path.read_text(encoding="utf-8"), flags=re.M)
        found |= dict(zip(parts[1::2], parts[2::2], strict=True))
    return found


def submitted() -> dict[str, dict[str, str]]:
    """The resources that profiles/slurm gives each rule that it names."""
    text = (ROOT / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["set-resources"]


def test_the_slurm_profile_names_every_rule_that_is_submitted():
    """But for those of measures, which say themselves what they take."""
    local = {name for name, text in rules().items() if "localrule: True" in text}
    assert set(submitted()) == set(rules()) - local
    assert {"index_clips", "embed_clips"} <= set(submitted())
    assert {"fetch_weights", "download_irmas", "tabulate_provenance"} <= local


def test_jobs_of_measures_ask_for_more_with_each_attempt():
    jobs = [job for job in JOBS if job.tables]
    assert [job.group.name for job in jobs] == ["sensitivity", "trajectories", "debiasing"]
    for job in jobs:
        memory = [memory_of(job.group)(None, threads=4, attempt=n) for n in (1, 2, 3)]
        minutes = [minutes_of(job.group)(None, attempt=n) for n in (1, 2, 3)]
        assert memory[0] >= 4000 and memory == [memory[0], 2 * memory[0], 3 * memory[0]]
        assert minutes[0] >= 30 and minutes == [minutes[0], 2 * minutes[0], 3 * minutes[0]]
    text = "".join(
        (ROOT / "rules" / f"{name}.smk").read_text(encoding="utf-8")
        for name in ("measures", "tables", "figures")
    )
    assert text.count("mem_mb=targets.memory_of(job.group)") == 1
    assert text.count("runtime=targets.minutes_of(job.group)") == 1
    # What tabulates and draws runs where Snakemake does.
    assert len(re.findall(r"^ +rule:", text, re.M)) == 3 == text.count("localrule: True")


@pytest.mark.parametrize("rule", submitted())
def test_memory_and_time_grow_with_each_attempt(rule):
    own = re.search(r"mem_mb=(?:lambda wildcards, threads: )?(.+),\n", rules()[rule])[1]
    retries = int(read_profile("slurm")["retries"])
    for resource in ("mem_mb", "runtime"):
        asked = [
            eval(submitted()[rule][resource], {"attempt": attempt, "threads": 4})
            for attempt in range(1, retries + 2)
        ]
        assert sorted(set(asked)) == asked and len(asked) == 3, resource
        if resource == "mem_mb":
            assert asked[0] >= eval(own, {"threads": 4})


@pytest.mark.parametrize("name", ["default", "slurm"])
@pytest.mark.parametrize("there", [True, False])
def test_the_screen_is_chosen_where_its_plugin_is_installed(name, there, monkeypatch):
    """Snakemake reads profiles with the package yte, which evaluates the line with `?if`."""
    asked = []

    def find_spec(module: str) -> object | None:
        asked.append(module)
        return object() if there else None

    monkeypatch.setattr("importlib.util.find_spec", find_spec)
    profile = read_profile(name)
    assert asked == ["snakemake_logger_plugin_sensitivity"]
    assert profile.get("logger") == (["sensitivity"] if there else None)
    assert not [key for key in profile if key.startswith(("?", "__"))]


def test_the_slurm_profile_is_complete_in_itself():
    """It has what profiles/default sets, but for what one machine has and a cluster hasn't."""
    default, slurm = read_profile("default"), read_profile("slurm")
    differing = {"resources", "default-resources", "keep-going"}
    assert set(default) - set(slurm) == set()
    shared = set(default) - differing
    assert {key: slurm[key] for key in shared} == {key: default[key] for key in shared}


def test_partitions_are_read_from_the_profile_itself():
    """Of a key that it doesn't know, Snakemake's profile takes no notice if it is a mapping."""
    slurm = read_profile("slurm")
    assert "partitions" not in slurm
    file = Path(slurm["slurm-partition-config"])
    assert file == ROOT / "profiles" / "slurm" / "config.yaml"
    partitions = yaml.safe_load(file.read_text(encoding="utf-8"))["partitions"]
    # More limits than this on the second, and jobs without a GPU may fit it better than the first.
    assert partitions == {"cpu": {"max_gpu": 0}, "gpu": {"max_gpu": 1}}


def test_jobs_together_ask_for_no_more_memory_than_this_machine_has(project):
    """The run says what there is to share; a number that is given goes before it."""
    ninth = memory_mb() * 9 // 10
    total = re.search(r"MemTotal: +(\d+) kB", Path("/proc/meminfo").read_text())
    assert 0 < ninth * 1e6 < int(total[1]) * 1024
    for given, expected in (((), ninth), (("--resources", "mem_mb=7000"), 7000)):
        done = project.run("results/tiny/clips/split.csv", "--forceall", *given)
        assert done.resources["mem_mb"] == expected


@pytest.mark.parametrize(
    ("file", "said", "expected"),
    [
        ("memory.max", "4000000000", 4000),
        ("memory/memory.limit_in_bytes", "3000000000", 3000),
        ("memory.max", "max", None),
        ("memory/memory.limit_in_bytes", "9223372036854771712", None),
    ],
)
def test_a_containers_limit_is_the_memory_there_is(tmp_path, file, said, expected):
    limit = tmp_path / "sys" / "fs" / "cgroup" / file
    limit.parent.mkdir(parents=True)
    limit.write_text(f"{said}\n")
    assert memory_mb(tmp_path) == (expected or memory_mb(tmp_path / "none"))


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """Have squeue print some lines, or fail."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def say(*lines: str, status: int = 0) -> None:
        (folder / "said").write_text("".join(f"{line}\n" for line in lines))
        stream = ">&2" if status else ""
        program = folder / "squeue"
        program.write_text(f"#!/bin/sh\ncat {folder}/said {stream}\nexit {status}\n")
        program.chmod(0o755)

    return say


def test_jobs_of_an_earlier_run_in_this_folder_are_refused(squeue, tmp_path):
    here, other = tmp_path / "a|b", tmp_path / "other"
    lines = [
        f"11|{RUN}|{here}",
        f"12|{RUN}|{other}",
        f"13|bash|{here}",
        f"14|{RUN.partition('_')[2]}|{here}/",
        f"15|{RUN}x|{here}",
    ]
    squeue(*lines)
    with pytest.raises(InputError, match=r"^2 Slurm jobs .* scancel 11 14$"):
        check_jobs_left(str(here))
    squeue(lines[1], lines[2])
    check_jobs_left(str(here))
    squeue()
    check_jobs_left(str(here))


def test_a_squeue_that_fails_stops_the_run(squeue, tmp_path):
    squeue("squeue: error: no controller", status=1)
    with pytest.raises(InputError, match=r"fails: squeue: error: no controller$"):
        check_jobs_left(str(tmp_path))
