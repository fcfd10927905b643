"""A parameter that nobody renders here: recordings in a folder a level, embeddings in one array."""

import csv
import json
import shutil
import subprocess

import pytest

from embedding_sensitivity.commands.plan import estimate
from embedding_sensitivity.experiment.data import source_of
from embedding_sensitivity.experiment.measures import list_measures
from embedding_sensitivity.experiment.plan import Plan
from embedding_sensitivity.experiment.settings import load_settings
from embedding_sensitivity.files.errors import InputError
from support.audio import write_clip
from support.project import copy_checkout, copy_finished, refused

LABELS = ("piano", "violin")
SNR = {"levels": [-5, 0, 10], "unit": "dB", "scale": "linear", "neutral": None, "parameter": "SNR"}
DISTANCE = {
    "folders": "audio/at_{level}_m",
    "levels": [1, 2, 4],
    "unit": "m",
    "scale": "log",
    "neutral": 1,
}
LEFT_OUT = {
    measure.name
    for measure in list_measures()
    if measure.needs_originals and not (measure.needs_audio or measure.needs_layers)
}
# Clips that move along one direction, by the rank of the level, and a little at random.
WRITE_ARRAY = """
import sys
import h5py
import numpy as np
rng = np.random.default_rng(1)
clips = [f"{label}{n}" for label in ("piano", "violin") for n in range(9)]
originals = rng.normal(size=(18, 4)) + np.repeat(np.eye(4)[:2] * 8, 9, axis=0)
course = np.arange(1, 4)[:, None, None] * np.eye(4)[3]
embeddings = originals + course + rng.normal(scale=0.05, size=(3, 18, 4))
arrays = {"embeddings": embeddings, "levels": [-5.0, 0.0, 10.0], "originals": originals}
np.savez(sys.argv[1], clips=clips, **arrays)
with h5py.File(sys.argv[2], "w") as file:
    for name, array in arrays.items():
        file[name] = array
    file["clips"] = clips
"""


def rows_of(path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tables_of(measures) -> set[str]:
    return {table.name for measure in measures for table in measure.tables if table.is_result}


# One array


def array_config(experiment="array", **embeddings) -> dict:
    return {
        "experiment": experiment,
        "embeddings": {"file": "snr.npz", "split": "split.csv", **embeddings},
        "models": ["mine"],
        "effects": {"snr": SNR},
        "figures": {"umap": {"clips": 2}},
    }


def write_split(folder) -> None:
    rows = [("instrument", "genre", "file_name", "split", "group")]
    for label in LABELS:
        for n in range(9):
            rows.append(
                (label, "", f"{label}{n}", "test" if n > 5 else "train", f"{label}{n // 3}")
            )
    with open(folder / "split.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture(scope="module")
def arrays(tmp_path_factory, pythons):
    """The same embeddings as NPZ and as HDF5: whole from the one, without originals from the other.

    Of the first the tables of one job are made.
    """
    project = copy_checkout(tmp_path_factory.mktemp("arrays") / "project")
    files = [project.path(name) for name in ("snr.npz", "snr.h5")]
    subprocess.run([pythons["analysis"], "-c", WRITE_ARRAY, *files], check=True)
    write_split(project.folder)
    project.write_config(array_config("without", file="snr.h5"))
    project.said = project.run().output
    project.write_config(array_config(originals="snr.npz"))
    project.run(
        "--", *(f"results/array/tables/{name}.csv" for name in ("displacement", "global_r2"))
    )
    return project


def test_an_array_with_originals_is_compared_with_them(arrays):
    rows = rows_of(arrays.path("results/array/tables/displacement.csv"))
    found = {(row["label"], row["level"]): float(row["euclidean"]) for row in rows}
    assert found.keys() == {(label, level) for label in LABELS for level in ("-5", "0", "10")}
    for (_, level), distance in found.items():
        assert distance == pytest.approx({"-5": 1, "0": 2, "10": 3}[level], abs=0.05)


def test_without_originals_what_needs_them_is_left_out_and_the_rest_is_the_same(arrays):
    results = arrays.path("results/without")
    run = [measure for measure in list_measures() if not measure.needs_originals]
    assert {path.stem for path in results.glob("tables/*.csv")} == tables_of(run) | {"recordings"}
    kinds = {kind.name for measure in run for kind in measure.figures}
    assert {"spectra", "trajectories", "table1"} <= kinds
    stems = {path.stem for path in results.glob("figures/*.png")}
    assert {stem.removesuffix("_mine_snr").removesuffix("_snr") for stem in stems} == kinds
    assert not (results / "embeddings/mine/original.h5").exists()
    for table in ("global_r2", "regularised", "nulls"):
        paths = [arrays.path(f"results/{run}/analysis/mine/snr/{table}.csv")
                 for run in ("array", "without")]  # fmt: skip
        assert rows_of(paths[0]) == rows_of(paths[1]) and rows_of(paths[0])
    angles = rows_of(results / "tables/principal_angles.csv")
    assert {row["method"] for row in angles} == {"global_cca", "samplewise_cca_svd"}
    spectra = rows_of(results / "tables/spectra.csv")
    assert spectra and all(row["random"] and not row["originals"] for row in spectra)


def test_what_is_left_out_is_said_in_one_line(arrays, tmp_path):
    assert {"debiasing", "retrieval", "displacement", "claims"} <= LEFT_OUT
    (line,) = (line for line in arrays.said.splitlines() if "no originals" in line)
    assert set(line.split("left out, ")[1].split(", ")) == {*LEFT_OUT, "cards", "explorer"}
    text = arrays.path("results/without/manifest.json").read_text(encoding="utf-8")
    manifest = json.loads(text)
    assert manifest["left_out"] == line.strip()
    assert list(manifest["inputs"]["embeddings"]) == ["snr.h5"]
    project = copy_finished(arrays, tmp_path / "project")
    project.write_config(array_config("without", file="snr.h5"))
    assert project.planned() == {}
    project.run("--report", "report.html")
    report = " ".join(project.path("report.html").read_text(encoding="utf-8").split())
    assert "Left out" in report and f"left out, {', '.join(line.split('left out, ')[1:])}" in report


def test_an_array_in_another_file_of_originals_and_a_changed_one(arrays, tmp_path):
    project = copy_finished(arrays, tmp_path / "project")
    effects = {"snr": {**SNR, "levels": [-5, 0]}}
    project.write_config({**array_config(), "effects": effects})
    done = refused(project, "results/array/embeddings/mine/snr.h5", message="snr.npz: embeddings")
    assert "is of shape (3, 18, 4), of 3 levels, and the config has 2: give" in done.output


def completed(folder, monkeypatch, **keys):
    monkeypatch.chdir(folder)
    settings = load_settings({**array_config(), **keys}, "some.yaml")
    return source_of(settings, "some.yaml").settings


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"effects": {"snr": {**SNR, "scale": "octaves"}}}, r"snr\.scale: found 'octaves', exp"),
        (
            {"effects": {"snr": {"levels": [0, 1], "unit": "dB"}}},
            r"snr\.scale: is missing, and snr",
        ),
        ({"effects": {"snr": {"levels": [0, 1], "scale": "log"}}}, r"effects\.snr\.unit: is missi"),
        ({"effects": {"snr": {"levels": [0, 1]}}}, r"unknown effect 'snr'.*own, give unit and sc"),
        (
            {"effects": {"snr": {**SNR, "scale": "log"}}},
            r"snr: SNR -5 dB is not above 0, as a logarithmic scale needs",
        ),
        ({"effects": {"snr": {**SNR, "levels": [0]}}}, r"effects\.snr: has 1 level, expected at"),
        ({"effects": {"snr": {**SNR, "levels": None}}}, r"effects\.snr\.levels: is missing: give"),
        ({"effects": {"snr": {**SNR, "unit": 3}}}, r"snr\.unit: found 3, expected text"),
        ({"effects": {"snr": {**SNR, "unit": "x" * 17}}}, r"snr\.unit: is 'x+', expected at most"),
        ({"effects": {"a/b": SNR}}, r"effects\.a/b: expected at most 64 letters"),
        ({"effects": None}, r"effects: is missing: name each effect in embeddings\.file"),
        ({"effects": {"snr": SNR, "q": SNR}}, r"snr\.npz is one file for 2 effects: put {effect}"),
        ({"models": ["a", "b"]}, r"embeddings\.file: snr\.npz is one file for 2 models: put {mod"),
        ({"embeddings": {"split": "split.csv"}}, r"embeddings: has neither directory nor file"),
        (
            {"embeddings": {"split": "split.csv", "file": "snr.npz", "directory": "e"}},
            r"embeddings: has directory and file: keep one",
        ),
        (
            {"embeddings": {"split": "split.csv", "directory": "e", "originals": "o.npz"}},
            r"embeddings\.originals: is only with embeddings\.file",
        ),
        (
            {"embeddings": {"split": "split.csv", "file": "snr.mat"}},
            r"embeddings\.file: snr\.mat ends in none of \.npz, \.h5, \.hdf5",
        ),
        (
            {"embeddings": {"split": "split.csv", "file": "none_{model}.npz"}},
            r"embeddings\.file: none_mine\.npz does not exist: give",
        ),
        (
            {"embeddings": {"split": "split.csv", "file": "snr.npz", "originals": "o.h5"}},
            r"embeddings\.originals: o\.h5 does not exist: give",
        ),
    ],
)
def test_keys_that_do_not_fit_an_array_are_refused(tmp_path, monkeypatch, keys, message):
    (tmp_path / "snr.npz").touch()
    write_split(tmp_path)
    with pytest.raises(InputError, match=message):
        completed(tmp_path, monkeypatch, **keys)


def test_a_parameter_is_as_the_config_declares_it(tmp_path, monkeypatch):
    (tmp_path / "snr.npz").touch()
    write_split(tmp_path)
    settings = completed(tmp_path, monkeypatch)
    snr = settings.declared["snr"]
    assert (snr.parameter, snr.unit, snr.scale, snr.neutral) == ("SNR", "dB", "linear", None)
    assert settings.levels("snr") == ["-5", "0", "10"] and settings.labels == [*LABELS]
    effects = {"gain": {"levels": [-5, 0], "neutral": None}, "room_size": {**SNR, "neutral": 10}}
    effects["room_size"].pop("parameter")
    file = {"file": "{effect}.npz", "split": "split.csv"}
    for name in effects:
        (tmp_path / f"{name}.npz").touch()
    found = completed(tmp_path, monkeypatch, effects=effects, embeddings=file).declared
    assert (found["gain"].unit, found["gain"].neutral) == ("dB", None)
    assert (found["room_size"].parameter, found["room_size"].neutral) == ("room size", 10)


def test_levels_of_any_parameter_in_the_authors_layout(tmp_path, monkeypatch):
    for name in ("snr_-5", "snr_0", "snr_2.50", "gain_0", "gain_5"):
        (tmp_path / f"embeddings_{name}.h5").touch()
    write_split(tmp_path)
    embeddings = {"directory": ".", "split": "split.csv"}
    with pytest.raises(InputError, match=r"snr_-5\.h5: unknown effect, .* snr: {unit: m, scale: "):
        completed(tmp_path, monkeypatch, effects=None, embeddings=embeddings)
    declared = {"unit": "dB", "scale": "linear", "neutral": None}
    effects = {"gain": None, "snr": declared}
    found = completed(tmp_path, monkeypatch, effects=effects, embeddings=embeddings)
    assert found.levels("snr") == ["-5", "0", "2.5"] and found.declared["snr"].unit == "dB"
    assert found.levels("gain") == ["0.0", "5.0"]
    assert not found.has_originals
    (tmp_path / "embeddings.h5").touch()
    assert found.has_originals and found.find_originals("mine") == "embeddings.h5"


# Recordings in a folder a level


def write_recordings(project, level: int, folder: str = "") -> None:
    """Write two labels of nine clips, quieter and duller at each level; one is longer at 4."""
    for number, label in enumerate(LABELS):
        for n in range(9):
            path = project.path(f"audio/{folder or f'at_{level}_m'}/{label}/{label}{n}.wav")
            seconds = 0.3 if (level, n) == (4, 3) else 0.2
            write_clip(path, 3 * n + number - level, amplitude=9000 // level, seconds=seconds)


def folders_config(**keys) -> dict:
    return {
        "experiment": "far",
        "data": {"source": "folder", "folder": "audio/clips"},
        "effects": {"distance": DISTANCE},
        "models": {"logmel": {}},
        "debiasing": {"methods": ["none", "lda"]},
        **keys,
    }


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The store and a table of recordings at three distances, of which the nearest is the clips."""
    project = copy_checkout(tmp_path_factory.mktemp("recorded") / "project")
    write_recordings(project, 1, "clips")
    for level in (1, 2, 4):
        write_recordings(project, level)
    project.write_config(folders_config())
    project.run("--", "results/far/tables/displacement.csv")
    return project


def test_recordings_are_embedded_as_the_clips_are(recorded):
    rows = rows_of(recorded.path("results/far/tables/displacement.csv"))
    found = {(row["label"], row["level"]): float(row["euclidean"]) for row in rows}
    assert found.keys() == {(label, level) for label in LABELS for level in ("1", "2", "4")}
    for label in LABELS:
        # At one metre they are the clips, to the last bit.
        assert found[label, "1"] == 0 < found[label, "2"] < found[label, "4"]


@pytest.fixture
def far(recorded, tmp_path):
    return copy_finished(recorded, tmp_path / "project")


def parts(planned, rule="embed_clips") -> list[str]:
    return [job["part"].rpartition(".")[0] for job in planned.get(rule, [])]


STORE = "results/far/embeddings/logmel/distance.h5"


def test_an_added_level_is_the_only_one_embedded(far):
    write_recordings(far, 8)
    distance = {**DISTANCE, "levels": [1, 2, 4, 8]}
    far.write_config(folders_config(effects={"distance": distance}))
    planned = far.planned("--", STORE)
    assert parts(planned) == parts(planned, "render_effect") == ["8"]
    assert "embed_original" not in planned
    # Nor does a level that is taken out, or another unit, scale or name of the parameter.
    distance = {**DISTANCE, "levels": [1, 4], "scale": "linear", "parameter": "how far"}
    far.write_config(folders_config(effects={"distance": distance}))
    assert set(far.planned("--", STORE)) == {"assemble_effect"}
    far.write_config(folders_config(effects={"distance": {**distance, "unit": "ft"}}))
    assert {job.rule for job in far.run("--", STORE).jobs} == {"assemble_effect"}
    # Without its recordings, what was embedded with them can't be told to be as it was.
    shutil.rmtree(far.path("audio/at_2_m"))
    assert parts(far.planned("--", STORE)) == ["1_4"]


def test_recordings_are_compared_with_the_clips(far):
    far.run("--", "results/far/tables/signal_change.csv")
    rows = rows_of(far.path("results/far/tables/signal_change.csv"))
    found = {row["level"]: row for row in rows if not row["label"]}
    assert {level: float(row["unchanged"]) for level, row in found.items()} == {
        "1": 1,
        "2": 0,
        "4": 0,
    }
    # Clips of amplitude 9000, 4500 and 2250; one has other frequencies, none another level.
    for level, change in (("2", -6.02), ("4", -12.04)):
        assert float(found[level]["rms_change_db"]) == pytest.approx(change, abs=0.1)


@pytest.mark.more
def test_a_whole_run_of_recordings(far):
    far.run()
    results = far.path("results/far")
    for name in ("explorer.html", "cards/logmel.json", "figures/table1.png", "manifest.json"):
        assert (results / name).stat().st_size > 500
    manifest = json.loads((results / "manifest.json").read_text(encoding="utf-8"))
    other = set(manifest["inputs"]["other_audio"])
    assert {f"audio/at_{n}_m/piano/piano0.wav" for n in (1, 2, 4)} <= other
    assert not manifest["left_out"] and far.planned() == {}


def test_a_changed_recording_embeds_its_batch_alone(far):
    far.write_config(folders_config(levels_per_job=1))
    assert far.planned("--", STORE) == {}
    write_clip(far.path("audio/at_4_m/piano/piano1.wav"), 99)
    assert sorted(parts(far.planned("--", STORE))) == [
        "1",
        "2",
        "4",
    ]  # the batch of all three is gone
    far.run("--", STORE)
    write_clip(far.path("audio/at_4_m/piano/piano1.wav"), 98)
    assert parts(far.planned("--", STORE)) == ["4"]


def test_without_originals_recordings_are_analysed_alone(far):
    config = folders_config(experiment="alone")
    del config["data"]
    far.write_config(config)
    planned = far.planned("-n")
    assert "embed_original" not in planned and "measure_debiasing" not in planned
    assert {job["effect"] for job in planned["embed_clips"]} == {"distance"}
    far.run("--", "results/alone/tables/global_r2.csv", "results/alone/embeddings/logmel.h5")
    rows = rows_of(far.path("results/alone/tables/global_r2.csv"))
    assert {row["label"] for row in rows} == {*LABELS} and all(row["r2"] for row in rows)
    text = far.path("results/alone/clips.csv").read_text(encoding="utf-8")
    assert "audio/at_1_m/piano/piano0.wav" in text and "audio/clips" not in text


def plan(project, monkeypatch, **keys) -> Plan:
    """What the Snakefile makes of the config, which takes no run of Snakemake."""
    project.write_config(folders_config(**keys))
    monkeypatch.chdir(project.folder)
    return Plan(project.read_config(), "tiny.yaml")


def entry(**keys) -> dict:
    return {"effects": {"distance": {**DISTANCE, **keys}}}


def test_a_clip_that_a_level_lacks_is_named(far, monkeypatch):
    far.path("audio/at_2_m/violin/violin3.wav").unlink()
    far.path("audio/at_2_m/violin/violin4.wav").rename(far.path("audio/at_2_m/violin4.txt"))
    message = r"effects\.distance\.folders: audio/at_2_m has no recording of clip violin3, violin4 "
    with pytest.raises(InputError, match=message + r"\(2 of 18 missing\): add it"):
        plan(far, monkeypatch)
    # With `drop` the job that reads them says so.
    data = {**folders_config()["data"], "on_bad_clip": "drop"}
    plan(far, monkeypatch, data=data)
    refused(far, "results/far/embeddings/logmel/distance.h5", message="has no recording of clip vi")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"levels": [1, 3]}, r"folders: level 3: audio/at_3_m does not exist: give"),
        ({"folders": "audio/far"}, r"folders: is 'audio/far', expected a path with {level} in"),
        ({"match": "rms"}, r"effects\.distance\.match: unknown key 'match'.*taken as it is"),
        ({"vary": "gain"}, r"effects\.distance\.vary: unknown key 'vary'"),
        ({"unit": None}, r"effects\.distance\.unit: is missing, and distance is none of"),
        ({"scale": None}, r"effects\.distance\.scale: is missing"),
        ({"unit": None, "scale": None}, r"effects\.distance\.unit: is missing"),
        ({"scale": "dB"}, r"effects\.distance\.scale: found 'dB', expected 'linear' or 'log'"),
        ({"neutral": 0}, r"distance\.neutral: distance 0 m is not above 0"),
        ({"levels": [0, 1]}, r"effects\.distance: distance 0 m is not above 0"),
        ({"neutral": None}, r"distance: the recordings of level 1 are the clips of audio/clips th"),
    ],
)
def test_recordings_that_cannot_be_used_are_refused(far, monkeypatch, keys, message):
    with pytest.raises(InputError, match=message):
        plan(far, monkeypatch, **entry(**keys))


def test_a_name_of_the_workflows_own_is_refused(far, monkeypatch):
    with pytest.raises(InputError, match=r"effects\.gain: gain is one of the workflow's own"):
        plan(far, monkeypatch, effects={"gain": DISTANCE})


def test_a_parameter_of_an_effect_that_is_rendered_is_refused(far, monkeypatch):
    gain = {"levels": [-5, 0], "parameter": "loudness"}
    with pytest.raises(InputError, match=r"effects\.gain\.parameter: is only for audio in folders"):
        plan(far, monkeypatch, effects={"gain": gain})


@pytest.mark.more
def test_recordings_of_another_form_are_refused_or_converted(far):
    for path in far.path("audio/at_2_m").rglob("*.wav"):
        write_clip(path, rate=16000)
    message = "at_2_m/piano/piano0.wav: has 16000 Hz and 1 channels, the clips have 8000 Hz and 1"
    refused(far, "--", STORE, message=message)
    data = {"convert": True, "samplerate": 8000, "channels": 1}
    far.write_config(folders_config(data={**folders_config()["data"], **data}))
    far.run("--", STORE)


def test_the_cost_of_recordings_is_planned(far, monkeypatch):
    config = folders_config()
    monkeypatch.chdir(far.folder)
    for originals in (True, False):
        config["data"] = {"source": "folder", "folder": "audio/at_1_m", "originals": originals}
        # As originals, its clips at one metre are neutral.
        far.write_config(config)
        text = "\n".join(estimate("tiny.yaml"))
        assert "17 clips (results/far/clips.csv), 3 levels" in text  # a label of 9 loses one
        assert "no measured rate: distance" in text
        assert ("no originals" in text) != originals


def test_the_manifest_has_all_recordings(far, monkeypatch):
    made = plan(far, monkeypatch)
    assert len(made.recordings()) == 3 * 18
    assert made.source.folders == ["audio/clips", *(f"audio/at_{n}_m" for n in (1, 2, 4))]
    entry = made.describe_entry("distance")
    assert entry == "recordings in audio/at_{level}_m"
