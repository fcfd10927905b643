"""The tiny experiment from nothing to every table and figure."""

import csv
import hashlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest

from embedding_sensitivity.experiment import tables
from embedding_sensitivity.experiment.measures import PAPER_METHODS
from support.tables import read_rows

MODELS = ("logmel", "musicnn", "musicnn-untrained")
LEVELS = {"gain": ("-20.0", "0.0", "5.0"), "reverb": ("0.10", "0.50", "0.90")}
LABELS = ("cello", "flute", "violin")
KINDS = ("trajectories", "correlation", "spectra", "auc", "auc_gain", "recovery")
# Of these an effect has one figure, with every model.
SHARED_KINDS = (
    *("dimensionality", "heldout_energy", "equivariance", "principal_angles", "displacement"),
    *("retrieval", "samplewise", "verdicts"),
)
RUN_KINDS = ("claims", "table1", "threshold_90")
# And of these a model, with every effect.
MODEL_KINDS = ("response_to_change",)
VARIANTS = [(method, "") for method in PAPER_METHODS if method != "samplewise_cca_svd"]
VARIANTS += [("samplewise_cca_svd", threshold) for threshold in ("0.3", "0.4", "0.5")]


def rows_of(project, table: str) -> list[dict]:
    with open(
        project.path(f"results/tiny/tables/{table}.csv"), newline="", encoding="utf-8"
    ) as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    declared = tables.find_table(table)
    assert list(reader.fieldnames) == list(declared.columns)
    keys = declared.keys
    assert rows == sorted(rows, key=lambda row: [tables.sort_key(row[key]) for key in keys])
    assert len({tuple(row[key] for key in keys) for row in rows}) == len(rows)
    return rows


def test_sensitivity_tables_are_complete(finished):
    cells = set(itertools.product(MODELS, LEVELS, LABELS))
    rows = rows_of(finished, "global_r2")
    assert {(row["model"], row["effect"], row["label"]) for row in rows} == cells
    # 6 clips at 3 levels in 256 dimensions or more: the fit is saturated, and says so.
    assert {(row["r2"], row["saturated"]) for row in rows} == {("1.0", "1")}
    assert all(0 <= float(row["r2_test"]) <= 1 for row in rows)
    assert all(row["n_clips"] == "6" and row["n_levels"] == "3" for row in rows)
    assert {(row["model"], row["effect"]) for row in rows_of(finished, "table1")} == set(
        itertools.product(MODELS, LEVELS)
    )
    samplewise = rows_of(finished, "samplewise_r2")
    assert len(samplewise) == len(MODELS) * len(LEVELS) * len(LABELS) * 6
    spectra = rows_of(finished, "spectra")
    assert {row["directions"] for row in spectra if row["index"] == "0"} == {"1.0"}
    assert len(spectra) == len(cells) * 6


def test_debiasing_tables_are_complete(finished):
    found = {
        tuple(row[key] for key in tables.find_table("auc").keys) for row in rows_of(finished, "auc")
    }
    expected = set()
    for model, (effect, levels), label in itertools.product(MODELS, LEVELS.items(), LABELS):
        for method, threshold in VARIANTS:
            # A gain of 0 dB does nothing: section IV leaves the neutral level out.
            moved = [level for level in levels if (effect, level) != ("gain", "0.0")]
            pairs = [("original", "original")]
            pairs += [("original", level) for level in moved]
            pairs += [(level, "original") for level in moved]
            pairs += [(level, level) for level in moved]
            expected |= {(model, effect, label, method, threshold, *pair) for pair in pairs}
    assert found == expected
    counts = rows_of(finished, "n_directions")
    assert len(counts) == len(MODELS) * len(LEVELS) * len(LABELS) * 3


def test_every_figure_is_there_as_pdf_and_png(finished):
    stems = {
        f"{kind}_{model}_{effect}{ending}"
        for kind, model, effect in itertools.product(KINDS, MODELS, LEVELS)
        for ending in ("", "_cello")
    }
    stems |= {f"{kind}_{effect}" for kind, effect in itertools.product(SHARED_KINDS, LEVELS)}
    stems |= set(RUN_KINDS)
    stems |= {f"{kind}_{model}" for kind, model in itertools.product(MODEL_KINDS, MODELS)}
    folder = finished.path("results/tiny/figures")
    assert {path.name for path in folder.iterdir()} == {
        f"{stem}.{format}" for stem in stems for format in ("pdf", "png")
    }


def test_kept_audio_is_there_to_listen_to(finished):
    (folder,) = finished.path("results/tiny/audio_kept/reverb").glob("0.10.*")
    kept = sorted(path.name for path in folder.glob("*.wav"))
    assert kept == sorted(path.name for path in finished.path("results/tiny/clips").glob("*.wav"))


@pytest.mark.more
def test_parts_of_another_protocol_are_refused(again):
    """As if they had been copied from another run, under this one's names: Snakemake can't know."""
    config = again.read_config()
    config["protocol"] = {"audio": "float32"}
    again.write_config(config)
    store = "results/tiny/embeddings/logmel/gain.h5"
    planned = again.planned(store)["embed_clips"]
    (identity,) = {job["part"].rpartition(".")[2] for job in planned}
    for part in again.path("results/tiny/embeddings/logmel/gain").glob("*.h5"):
        batch = part.name.rsplit(".", 2)[0]
        part.rename(part.with_name(f"{batch}.{identity}.h5"))
    shutil.rmtree(again.path(".snakemake"))
    again.path(store).unlink()
    done = again.snakemake(store, "--rerun-triggers", "mtime")
    assert done.returncode != 0
    assert "attribute protocol is" in done.stdout + done.stderr
    assert not again.path(store).exists()


def test_provenance_names_what_made_the_embeddings(finished):
    text = finished.path("results/tiny/tables/provenance.json").read_text(encoding="utf-8")
    stores = json.loads(text)
    assert {(store["model"], store["effect"]) for store in stores} == set(
        itertools.product(MODELS, LEVELS)
    )
    for store in stores:
        assert {"weights_sha256", "data_sha256", "package_versions", "protocol"} <= set(store)
        assert store["audio_package_versions"]["pedalboard"] == "0.9.26"
    assert len({store["data_sha256"] for store in stores}) == 1


def test_nothing_temporary_is_left(finished):
    results = finished.path("results/tiny")
    assert not list(results.glob("audio/**/*.h5"))
    hidden = {path.name for path in results.rglob(".*") if path.is_file()}
    # Snakemake's own, in a folder that is an output; and what the plan knows the clips by.
    assert hidden <= {".snakemake_timestamp", ".audio.json", ".identity"}


def test_every_job_has_a_log(finished):
    logs = [path for path in finished.path("logs/tiny").rglob("*.log")]
    everything = finished.run("--dry-run", "--forceall").jobs
    assert len(logs) == len(everything) - 1  # less `all`
    assert all("on Python 3.11" in path.read_text(encoding="utf-8") for path in logs)


ONE_MORE_EFFECT = """
from embedding_sensitivity.effects import Effect

EFFECT = Effect(
    parameter="factor",
    unit="",
    decimals=1,
    range=(0.0, 1.0),
    neutral=1.0,
    make=lambda level, samplerate: lambda audio: audio * audio.dtype.type(level),
)
"""


@pytest.mark.more
def test_one_more_effect_is_one_file(project):
    """All that has to be written, with the workflow's own folder and model."""
    effect = project.path("workflow_scripts/embedding_sensitivity/effects/fade.py")
    effect.write_text(ONE_MORE_EFFECT, encoding="utf-8")
    config = project.read_config()
    config |= {"effects": {"fade": {"levels": [0.1, 0.5]}}, "models": {"logmel": {}}}
    project.write_config(config)
    project.run(
        "results/tiny/tables/auc.csv", "results/tiny/figures/correlation_logmel_fade_cello.pdf"
    )
    assert {row["train"] for row in rows_of(project, "auc")} == {"original", "0.1", "0.5"}


@pytest.mark.more
def test_one_batch_of_audio_on_disk_at_a_time(project):
    """With 3 models and one GPU slot, which the embedding jobs queue for."""
    config = project.read_config()
    config["levels_per_job"] = 1
    project.write_config(config)
    counts, done = [], threading.Event()

    def count() -> None:
        folder = project.path("results/tiny/audio")
        while not done.is_set():
            counts.append(sum(path.is_file() for path in folder.rglob("*")))
            time.sleep(0.02)

    watcher = threading.Thread(target=count)
    watcher.start()
    try:
        stores = [f"results/tiny/embeddings/{model}.h5" for model in MODELS]
        made = project.run(
            *stores,
            "--resources",
            "gpu=1",
            "audio_slots=100",
            "--set-resources",
            "embed_clips:gpu=1",
        )
    finally:
        done.set()
        watcher.join()
    assert [job.rule for job in made.finished].count("render_effect") == 6
    assert max(counts) == 1, max(counts)


@pytest.mark.more
def test_the_same_run_gives_the_same_bytes(finished, project):
    """Another run, in another folder, on one core, of a config with its keys the other way.

    And with its jobs in another order, and a model less. What both have is compared by the finished
    run's manifest.
    """
    config = {key: value for key, value in reversed(project.read_config().items())}
    for key in ("models", "effects"):
        config[key] = dict(reversed(config[key].items()))
    del config["models"]["musicnn"]
    project.write_config(config)
    names = [path.stem for path in finished.path("results/tiny/tables").glob("*.csv")]
    assert len(names) == 34
    late = [f"results/tiny/embeddings/{model}/reverb.h5" for model in config["models"]]
    project.run(
        *(f"results/tiny/tables/{table}.csv" for table in names),
        *(f"results/tiny/figures/{kind}_logmel_reverb.pdf" for kind in KINDS),
        *(f"results/tiny/embeddings/{model}.h5" for model in config["models"]),
        *("--cores", "1", "--scheduler", "greedy", "--prioritize", *late),
    )
    for table in names:
        path = f"results/tiny/tables/{table}.csv"
        expected = [row for row in read_rows(finished.path(path)) if row.get("model") != "musicnn"]
        assert read_rows(project.path(path)) == expected, table
    text = finished.path("results/tiny/manifest.json").read_text(encoding="utf-8")
    hashes = {name: entry["sha256"] for name, entry in json.loads(text)["outputs"].items()}
    results, compared = project.path("results/tiny"), []
    for path in sorted(path for path in results.rglob("*") if path.is_file()):
        name = str(path.relative_to(results))
        unlisted = (".snakemake_timestamp", ".audio.json")
        if not name.startswith(("tables/", "clips/")) and path.name not in unlisted:
            assert hashlib.sha256(path.read_bytes()).hexdigest() == hashes[name], name
            compared.append(name)
    # An index with its report, 2 models' stores and parts, directions, analysis, and 6 kinds of
    # figures in 2 formats, of 2 models and effects and a label of each.
    assert len([name for name in compared if name.startswith("figures/")]) == 6 * 2 * 2 * 2 * 2
    assert len([name for name in compared if name.endswith(".h5")]) == 2 * (1 + 1 + 2 + 4 + 2)
    assert len([name for name in compared if name.startswith("analysis/")]) == 2 * 2 * 29
    stored = [results / f"embeddings/logmel/{effect}.h5" for effect in ("reverb", "gain")]
    assert stored[0].stat().st_mtime_ns < stored[1].stat().st_mtime_ns, "no other order"


# Relative L2 distance of an embedding computed alone from the same in a batch (docs/protocol.md).
SAME_EMBEDDING = 1e-6
# What that leaves of the tables' values here.
SAME_CELL = 1e-5
DISTANCES = """
import sys, h5py, numpy as np
for path in sys.argv[3:]:
    with h5py.File(f"{sys.argv[1]}/{path}") as a, h5py.File(f"{sys.argv[2]}/{path}") as b:
        one, other = (np.asarray(file["embeddings"], np.float64) for file in (a, b))
    norms = np.linalg.norm(one, axis=-1)
    print((np.linalg.norm(one - other, axis=-1) / norms).max())
"""


@pytest.mark.more
def test_batches_and_threads_change_no_more_than_the_last_bits(finished, project, pythons):
    """Clips one at a time on two threads, against 16 at a time on one."""
    config = project.read_config()
    config["models"] = {"musicnn": {"batch_size": 1}, "logmel": {"batch_size": 1}}
    config["effects"] = {"gain": config["effects"]["gain"]}
    project.write_config(config)
    models, folder = ("logmel", "musicnn"), "results/tiny/analysis"
    names = ("global_r2", "samplewise_r2", "spectra", "auc", "auc_gain", "displacement")
    threaded = ("embed_original", "embed_clips", "measure_sensitivity", "measure_debiasing")
    project.run(
        *(f"{folder}/{model}/gain/{name}.csv" for model in models for name in names),
        "--set-threads",
        *(f"{rule}=2" for rule in threaded),
    )
    log = next(project.path("logs/tiny/embeddings/musicnn/gain").glob("*.????????.log"))
    assert "musicnn on the CPU, 1 clips at a time" in log.read_text(encoding="utf-8")

    pairs = itertools.product(models, ("original/*", "gain"))
    stores = [project.find(f"results/tiny/embeddings/{model}/{name}.h5") for model, name in pairs]
    command = [pythons["analysis"], "-I", "-c", DISTANCES, finished.folder, project.folder, *stores]
    distances = [float(each) for each in subprocess.check_output(command, text=True).split()]
    assert len(distances) == 4 and max(distances) <= SAME_EMBEDDING
    for model in models:
        for name in names:
            path = f"{folder}/{model}/gain/{name}.csv"
            first, second = (
                list(csv.reader(run.path(path).read_text(encoding="utf-8").splitlines()))
                for run in (finished, project)
            )
            assert_close(first, second, name)


def assert_close(first: list[list[str]], second: list[list[str]], name: str) -> None:
    """Of two tables the text is the same, and numbers are to a tolerance."""
    assert len(first) == len(second)
    for row, other in zip(first, second, strict=True):
        for one, two in zip(row, other, strict=True):
            try:
                assert abs(float(one) - float(two)) <= SAME_CELL, (name, row, other)
            except ValueError:
                assert one == two, (name, row, other)


@pytest.mark.more
def test_an_interrupted_run_resumes(project):
    """Stopped in the middle as Ctrl-C does, then run again: what was finished is not redone."""
    config = project.read_config()
    config["models"] = {"logmel": {}}
    project.write_config(config)
    quiet = subprocess.DEVNULL
    stores = [project.path(f"results/tiny/embeddings/logmel/{effect}.h5") for effect in LEVELS]
    # Directions are fitted after the job that wrote the store has been taken as finished.
    fitted = [project.path(f"results/tiny/directions/logmel/{effect}.h5") for effect in LEVELS]
    table = "results/tiny/tables/displacement.csv"
    deadline = time.monotonic() + 600
    with project.start(table, stdout=quiet, stderr=quiet) as run:
        while not any(path.exists() for path in fitted):
            assert run.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        os.killpg(run.pid, signal.SIGINT)
        run.wait(timeout=300)
    finished_stores = {
        store: store.stat().st_mtime_ns
        for store, path in zip(stores, fitted, strict=True)
        if path.exists()
    }
    assert finished_stores
    project.run(table)
    assert all(path.stat().st_mtime_ns == time for path, time in finished_stores.items())
    assert project.planned(table) == {}


def test_the_demo_has_few_jobs(project):
    """A job costs seconds before its work begins."""
    done = project.snakemake("--dry-run", configfile="config/demo.yaml")
    assert done.returncode == 0, done.output
    assert 0 < len(done.jobs) <= 135
