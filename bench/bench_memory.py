# environment: analysis
"""Peak memory of sections III and IV at the paper's largest size: PANNs under reverb.

The rules' own scripts run on random embeddings of 4834 clips at 34 levels, d = 2048, each in a
process of its own with as many workers as its rule takes. Printed: the peak resident memory of the
script's process and of the largest of its workers, what all can take together at most (pages they
share counted in each), and what the rule asks Snakemake for.

Where labels are shared out among workers, only two of the eleven are gone through, in data that
hold all clips: a worker needs no more for the next. The others have the same results. (But the main
process of measure reads the originals of all labels, which is 0.1 GiB more.) The first label has a
dimension twice and two equal principal displacements, so that its fits fall back to singular value
decompositions, which need most memory.
"""

import copy
import itertools
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

N_LABELS, N_TRAIN, N_CLIPS, N_LEVELS, DIMENSION = 11, 288, 4834, 34, 2048
PROCESSES = 4  # LABEL_PROCESSES of rules/common.smk
N_LABELS_DONE = 2
MODEL, EFFECT = "panns", "reverb"
FEW = ("none", "global_cca")
# What is run: the group of measures, and the methods that it is given.
JOBS = {
    "sensitivity": ("sensitivity", ()),
    "debiasing, all methods": ("debiasing", None),
    "debiasing, two methods": ("debiasing", FEW),
}


def write(folder: Path) -> None:
    """Write the clip index and the two stores."""
    import numpy as np

    from embedding_sensitivity.clips.clip import Clip, write_clips
    from embedding_sensitivity.embeddings.store import write_store

    def clip(index: int) -> Clip:
        split, label = "train" if index < N_LABELS * N_TRAIN else "test", f"{index % N_LABELS:02}"
        name = f"{index:05}"
        return Clip(name, "", label, "", f"{index // 33}", split, 0.0, 0, 0, "", 0, index)

    clips = [clip(index) for index in range(N_CLIPS)]
    write_clips(folder / "clips.csv", clips)
    names = [clip.clip for clip in clips]
    random = np.random.default_rng(0)
    shape = (N_CLIPS, DIMENSION)
    centres = random.standard_normal((N_LABELS, DIMENSION), np.float32)
    originals = random.standard_normal(shape, np.float32)
    originals += 0.1 * centres[np.arange(N_CLIPS) % N_LABELS]
    course = random.standard_normal(shape, np.float32)
    effected = np.empty((N_LEVELS, *shape), np.float32)
    signs = 20.0 * (-1.0) ** np.arange(len(course[::N_LABELS]))
    course[::N_LABELS, 2], course[::N_LABELS, 3] = signs, np.repeat(signs, 2)[: len(signs)]
    for level, points in enumerate(effected):
        points[:] = random.standard_normal(shape, np.float32)
        points *= 0.1
        points += originals + course * np.float32(level / N_LEVELS)
    for points in (originals, *effected):
        points[::N_LABELS, 1] = points[::N_LABELS, 0]
    write_store(folder / "original.h5", originals, names, attributes={"model": MODEL})
    levels = [f"{0.01 + 0.03 * level:.2f}" for level in range(N_LEVELS)]
    attributes = {"model": MODEL, "effect": EFFECT}
    write_store(folder / "effect.h5", effected, names, levels, attributes)


def run_group(name: str, methods: tuple[str, ...] | None, folder: Path) -> None:
    """Run the job of a group of measures as Snakemake would."""
    import measure
    from embedding_sensitivity.commands.mock_snakemake import mock_snakemake
    from embedding_sensitivity.experiment.measures import METHODS

    job = find_job(name)
    measure_labels = measure.measure_labels

    def measure_few(measures, data, *given):
        few = replace(data, labels=data.labels[:N_LABELS_DONE])
        found = [results for _, *results in measure_labels(measures, few, *given)]
        results = itertools.cycle(found)
        return [(label, *copy.deepcopy(next(results))) for label in data.labels]

    options = {
        "methods": METHODS if methods is None else methods,
        "thresholds": [0.4],
        "solver": "exact",
    }
    given = {
        "stores": [folder / "effect.h5"],
        "originals": [folder / "original.h5"],
        "clips": folder / "clips.csv",
    }
    made = {table.name: [folder / f"{table.name}.csv"] for table in job.tables}
    (made if job.group.fits_directions else given)["directions"] = [folder / "directions.h5"]
    measures = [(m.name, None, {key: options[key] for key in m.reads}) for m in job.measures]
    params = {"models": [MODEL], "labels": None, "measures": measures}
    params |= {"neutral": None, "log_scale": False, "mild_end": "low"}
    files = {"input": given, "output": made}
    wildcards = {"effect": EFFECT}
    job = mock_snakemake(f"measure_{name}", wildcards, **files, params=params, threads=PROCESSES)
    with mock.patch.object(measure, "measure_labels", measure_few):
        measure.main(job)


def find_job(name: str):
    """What the rule of a group of measures computes."""
    from embedding_sensitivity.experiment.measures import group_measures, list_measures

    return next(job for job in group_measures(list_measures()) if job.group.name == name)


def child(*arguments: str) -> str:
    """What this file prints when run with `arguments`, in a process whose memory starts afresh."""
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr[-4000:])
    return done.stdout


def main() -> None:
    """Print a line a job."""
    with TemporaryDirectory() as folder:
        child("write", folder)
        print(f"{N_CLIPS} clips, {N_LEVELS} levels, d = {DIMENSION}; peak memory in GiB")
        print(f"{'':<24}{'main':>6}{'workers':>12}{'at most':>9}{'asked':>7}{'wall':>8}")
        for job, (name, _) in JOBS.items():
            start = time.perf_counter()
            own, largest = (kib / 2**20 for kib in json.loads(child(job, folder)))
            wall = time.perf_counter() - start
            group = find_job(name).group
            n_workers = PROCESSES if group.shares_labels else 0
            asked = (group.base_mb + group.process_mb * PROCESSES) * 1e6 / 2**30
            workers = f"{n_workers} x {largest:.2f}" if n_workers else ""
            total = own + n_workers * largest
            note = "" if total <= asked else "  rule asks for too little"
            print(f"{job:<24}{own:6.2f}{workers:>12}{total:9.2f}{asked:7.2f}{wall:6.0f} s{note}")


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1] == "write":
        write(Path(sys.argv[2]))
    else:
        run_group(*JOBS[sys.argv[1]], Path(sys.argv[2]))
        peaks = [resource.getrusage(who).ru_maxrss for who in
                 (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]  # fmt: skip
        print(json.dumps(peaks))
