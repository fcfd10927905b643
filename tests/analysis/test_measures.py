"""Every measure of the library, from stores to its figures: new ones are found by themselves."""

import numpy as np
import pytest
from jobs import run_draw, run_group, tables_in
from test_figures import effect_params

from embedding_sensitivity.clips.clip import Clip, write_clips
from embedding_sensitivity.embeddings.store import write_store
from embedding_sensitivity.experiment.measures import group_measures, list_measures
from embedding_sensitivity.experiment.tables import find_table, read_table, write_table
from embedding_sensitivity.figures.drawing import list_subjects
from embedding_sensitivity.figures.style import EffectAxis

LABELS = ["cello", "flute", "organ"]
EFFECT = effect_params("gain", 5)
# Of fits on their own clips, which have no interval; of methods without a map, which are none here.
NEVER_FILLED = {"r2_low", "r2_high", "undefined"}
# Of models that have a control, or layers.
OF_OTHER_MODELS = {"trained_untrained", "depth"}
# Of the config's keys that measures read.
OPTIONS = {
    "n_clips": 2, "n_neighbors": 2, "seed": 0,
    "methods": ["none", "global_cca", "lda"], "thresholds": [0.5], "solver": "exact",
}  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The tables of every group, of random embeddings that all move one way."""
    folder = tmp_path_factory.mktemp("measured")
    clips = [
        Clip(f"{label}{n}", "", label, "", f"{label}{n}", "train" if n < 7 else "test", 3.0,
             44100, 1, "", 1, n)
        for label in LABELS for n in range(13)
    ]  # fmt: skip
    names = [clip.clip for clip in clips]
    rng = np.random.default_rng(0)
    # Labels that a classifier tells apart until the effect moves clips, for the most part alike.
    originals = rng.normal(size=(len(names), 8)) + np.repeat(3 * np.eye(8)[: len(LABELS)], 13, 0)
    steps = np.linspace(-1, 0.1, 5)[:, None, None]
    effected = originals + steps * 4 * rng.normal(size=8) + rng.normal(size=(5, len(names), 8))
    attributes = {"model": "m"}
    write_store(folder / "original.h5", originals, names, None, attributes)
    levels = EFFECT["levels"]
    write_store(folder / "gain.h5", effected, names, levels, attributes | {"effect": "gain"})
    write_clips(folder / "clips.csv", clips)
    given = {"stores": [folder / "gain.h5"], "originals": [folder / "original.h5"]}
    directions = {"directions": [folder / "directions.h5"]}
    jobs = [job for job in group_measures(list_measures()) if job.tables]
    for job in sorted(jobs, key=lambda job: not job.group.fits_directions):
        made = tables_in(folder, job.group.name)
        read = given | {"clips": folder / "clips.csv"}
        if job.group.fits_directions:
            made |= directions
        elif job.needs_directions:
            read |= directions
        run_group(job.group.name, read, made, LABELS, effect="gain", **OPTIONS)
    signal = find_table("signal_change")
    columns = set(signal.columns) - {"effect", "level", "label"}
    rows = [
        {"effect": "gain", "level": level, "label": "", **dict.fromkeys(columns, 1.5)}
        for level in levels
    ]
    write_table(folder / "signal_change.csv", signal, rows)
    derived = [(measure, table) for measure in list_measures() for table in measure.tables]
    # Those of other jobs' tables after what those jobs derive.
    for measure, table in sorted(
        derived, key=lambda each: bool(group_measures(each[:1])[0].sources)
    ):
        if table.derived_from:
            sources = table.derived_from
            rows = {name: read_table(folder / f"{name}.csv", name) for name in sources}
            write_table(folder / f"{table.name}.csv", table, measure.function(table.derive)(rows))
    return folder


@pytest.mark.parametrize("measure", list_measures(), ids=lambda measure: measure.name)
def test_it_fills_its_tables_and_draws_its_figures(measured, tmp_path, measure):
    for table in measure.tables:
        rows = read_table(measured / f"{table.name}.csv", table)
        keys = [tuple(row[key] for key in table.keys) for row in rows]
        assert bool(rows) == (table.name not in OF_OTHER_MODELS) and len(set(keys)) == len(keys)
        if not rows:
            continue
        assert {(row["model"], row["effect"]) for row in rows} == {("m", "gain")}
        for column in set(table.columns) - {"threshold", *NEVER_FILLED}:
            assert any(row[column] for row in rows), f"{table.name}.{column} is empty"
    # A run without layers has no figures of them.
    for kind in () if measure.needs_layers else measure.figures:
        given = {table: [measured / f"{table}.csv"] for table in kind.tables}
        shown = list_subjects(kind, ["m"], LABELS, ["cello"], [EffectAxis.of(EFFECT)])
        outputs = [str(tmp_path / f"{subject.stem}.png") for subject in shown]
        assert outputs
        run_draw(kind.name, given, outputs, ["m"], LABELS, ["cello"], [EFFECT])
