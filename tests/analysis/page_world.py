"""The tables of a world whose answer is known, as files, for tests of the explorer.

Of two models and two effects: `shake` moves clips of `strong` by twice the distance between labels
at its highest level and those of `weak` by a tenth of that, `hum` moves all by a twentieth.
"""

from pathlib import Path

import numpy as np
from jobs import run_group, tables_in

from embedding_sensitivity.clips.clip import Clip, write_clips
from embedding_sensitivity.embeddings.store import write_store
from embedding_sensitivity.experiment.measures import group_measures, list_measures
from embedding_sensitivity.experiment.tables import read_table, write_table

LABELS = ["cello", "flute", "<b>organ</b>"]
LEVELS = [str(level) for level in range(6)]
SIZES = {
    ("strong", "shake"): 2.0,
    ("weak", "shake"): 0.2,
    ("strong", "hum"): 0.1,
    ("weak", "hum"): 0.1,
}
OPTIONS = {
    **{"n_clips": 2, "n_neighbors": 2, "seed": 0, "thresholds": [0.5], "solver": "exact"},
    "methods": ["none", "global_cca", "lda"],
}
N_TRAIN, N_TEST = 8, 8


def make_clips() -> list[Clip]:
    """Each a recording of its own."""
    return [
        Clip(f"{label[:5]}{n}", "", label, "", f"{label}{n}", "train" if n < N_TRAIN else "test",
             3.0, 44100, 1, "", 132300, n)
        for label in LABELS for n in range(N_TRAIN + N_TEST)
    ]  # fmt: skip


def measure_world(folder: Path, sizes: dict[tuple[str, str], float] = SIZES) -> dict[str, list]:
    """Measure the world, and return the rows of all tables, those of every model and effect."""
    clips = make_clips()
    names = [clip.clip for clip in clips]
    rng = np.random.default_rng(0)
    dimension = 8
    # Labels lie 3 sqrt(2) apart; within them clips are far from each other.
    places = np.repeat(3 * np.eye(dimension)[: len(LABELS)], N_TRAIN + N_TEST, axis=0)
    found: dict[str, list] = {}
    write_clips(folder / "clips.csv", clips)
    for (model, effect), size in sizes.items():
        here = folder / model / effect
        here.mkdir(parents=True)
        originals = places + 0.5 * rng.normal(size=(len(names), dimension))
        direction = np.eye(dimension)[-1] * size * 3 * np.sqrt(2)
        course = np.linspace(0, 1, len(LEVELS))[:, None, None] * direction
        noise = 0.02 * rng.normal(size=(len(LEVELS), len(names), dimension))
        attributes = {"model": model}
        write_store(here / "original.h5", originals, names, None, attributes)
        attributes |= {"effect": effect}
        write_store(here / "e.h5", originals + course + noise, names, LEVELS, attributes)
        given = {"stores": [here / "e.h5"], "originals": [here / "original.h5"]}
        given |= {"clips": folder / "clips.csv"}
        directions = {"directions": [here / "directions.h5"]}
        jobs = [job for job in group_measures(list_measures()) if job.tables]
        jobs = [job for job in jobs if job.group.name != "trajectories"]
        for job in sorted(jobs, key=lambda job: not job.group.fits_directions):
            fits, needs = job.group.fits_directions, job.needs_directions
            read = given | (directions if needs and not fits else {})
            made = tables_in(here, job.group.name) | (directions if fits else {})
            options = {"models": [model], "effect": effect, **OPTIONS}
            run_group(job.group.name, read, made, LABELS, **options)
            for table in job.tables:
                found.setdefault(table.name, []).extend(
                    read_table(here / f"{table.name}.csv", table)
                )
    return derive(folder, found)


def derive(folder: Path, found: dict[str, list]) -> dict[str, list]:
    """Add the derived tables, those that need others' last."""
    derived = [(m, t) for m in list_measures() for t in m.tables if t.derived_from]
    for measure, table in sorted(
        derived, key=lambda each: bool(group_measures(each[:1])[0].sources)
    ):
        if not set(table.derived_from) <= set(found):
            continue  # from audio, which this world has none of
        rows = measure.function(table.derive)({name: found[name] for name in table.derived_from})
        path = folder / f"{table.name}.csv"
        write_table(path, table, rows)
        found[table.name] = read_table(path, table)
    found["recordings"] = [
        {"label": label, "train_clips": str(N_TRAIN), "test_clips": str(N_TEST),
         "train_recordings": str(N_TRAIN), "test_recordings": str(N_TEST), "torn": "0",
         "unnamed": "0", "shared": "0"}
        for label in LABELS
    ]  # fmt: skip
    return found
