"""A run that starts from embeddings made elsewhere: what it finds, plans, computes and refuses."""

import csv
import json
import shutil
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from embedding_sensitivity.experiment.data import complete
from embedding_sensitivity.experiment.embedding_files import level_files
from embedding_sensitivity.experiment.paper import LEVELS, find_fault
from embedding_sensitivity.experiment.settings import ImportSettings, load_settings
from embedding_sensitivity.files.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
ORACLE = ROOT / "tests" / "oracle"
TOLERANCE = 1e-9
METHODS = {"none": "none", "cca": "global_cca", "cca_samplewise_svd": "samplewise_cca_svd"}


@pytest.fixture
def folder(tmp_path):
    """Files of the right names; what is in them is read by jobs alone."""
    names = ["embeddings", "embeddings_gain_-40.0", "embeddings_gain_5", "embeddings_gain_-2.50"]
    names += ["embeddings_lowpass_cheby_1600.000", "embeddings_lowpass_18333.333"]
    for name in names:
        (tmp_path / f"{name}.h5").touch()
    rows = [("instrument", "genre", "file_name", "split")]
    for label in ("oboe", "tuba"):
        rows += [(label, "", f"{label}{number}", "train") for number in range(3)]
        rows += [(label, "", f"{label}3.wav", "test")]
    write_split(tmp_path, rows)
    return tmp_path


def write_split(folder, rows):
    with open(folder / "split.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def completed(folder, **keys):
    embeddings = {"directory": str(folder), "split": str(folder / "split.csv")}
    config = {"experiment": "x", "models": ["mine"], "embeddings": embeddings, **keys}
    return complete(load_settings(config, "some.yaml"))


def test_the_shipped_config_is_valid_and_has_every_key():
    config = yaml.safe_load((ROOT / "config" / "embeddings.yaml").read_text(encoding="utf-8"))
    assert isinstance(load_settings(config, "embeddings.yaml"), ImportSettings)
    assert set(config) == set(ImportSettings.model_fields)


def test_everything_found_is_analysed_levels_ascending(folder):
    found = completed(folder)
    assert {effect: found.levels(effect) for effect in found.effects} == {
        "gain": ["-40.0", "-2.5", "5.0"],
        "lowpass": ["1600.000", "18333.333"],
    }
    assert (found.models, found.labels) == (["mine"], ["oboe", "tuba"])
    assert find_fault(found) == "its embeddings were made elsewhere"


def test_the_folder_around_the_embeddings_will_do_too(folder):
    inner = folder / "embeddings"
    inner.mkdir()
    for path in folder.glob("*.h5"):
        path.rename(inner / path.name)
    assert completed(folder).levels("lowpass") == ["1600.000", "18333.333"]


def test_effects_and_levels_can_be_chosen(folder):
    (folder / "embeddings_chorus_1.h5").touch()
    found = completed(folder, effects={"gain": {"levels": [-40, 5]}, "lowpass": None})
    assert found.levels("gain") == ["-40.0", "5.0"]
    assert found.levels("lowpass") == ["1600.000", "18333.333"]
    files = level_files(folder, {"gain"})
    assert files["gain"]["-2.5"] == str(folder / "embeddings_gain_-2.50.h5")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"effects": {"gain": {"levels": [-40, 0, 5]}}},
            r"effects\.gain: .* no file of level 0\.0: add",
        ),
        ({"effects": {"reverb": {}}}, r"effects\.reverb: .* has files of 0 level"),
        ({"labels": ["oboe", "tubo"]}, r"labels: unknown label 'tubo': did you mean 'tuba'"),
        ({"figures": {"labels": ["horn"]}}, r"figures\.labels: unknown label 'horn'"),
        (
            {"embeddings": {"directory": "elsewhere", "split": "s.csv"}},
            r"embeddings\.directory: no embeddings\.h5 in elsewhere",
        ),
    ],
)
def test_keys_that_do_not_fit_the_files_are_refused(folder, keys, message):
    with pytest.raises(InputError, match=message):
        completed(folder, **keys)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("embeddings_chorus_1.h5", r"chorus_1\.h5: unknown effect.*`effects`"),
        ("embeddings_old.h5", r"old\.h5: unknown effect, expected embeddings_<effect>"),
        ("embeddings_gain_loud.h5", r"gain_loud\.h5: 'loud' is not a number"),
        ("embeddings_gain_nan.h5", r"gain_nan\.h5: 'nan' is not finite"),
        ("embeddings_gain_0.123.h5", r"gain_0\.123\.h5: level 0\.123 has more than the 1 decimals"),
        ("embeddings_gain_500.h5", r"gain_500\.h5: gain 500 dB is outside"),
        ("embeddings_bitcrush_4.5.h5", r"bitcrush_4\.5\.h5: level 4\.5 has more than the 0"),
        ("embeddings_gain_5.0.h5", r"gain_5\.h5: .*gain_5\.0\.h5 has level 5\.0 too: keep one"),
        (
            "embeddings_lowpass_1600.h5",
            r"lowpass_cheby_1600\.000\.h5: .* has level 1600\.000 too",
        ),
        ("embeddings_reverb_0.1.h5", r"effects\.reverb: .* has files of 1 level"),
    ],
)
def test_files_whose_names_cannot_be_used_are_refused(folder, name, message):
    (folder / name).touch()
    with pytest.raises(InputError, match=message):
        completed(folder)


def test_levels_of_an_effect_that_the_paper_lacks_are_those_that_are_there(folder, monkeypatch):
    """As of an effect that somebody added to effects/."""
    found = completed(folder).levels("gain")
    monkeypatch.delitem(LEVELS, "gain")
    assert completed(folder).levels("gain") == found


@pytest.mark.parametrize("effect", LEVELS)
def test_a_level_that_the_papers_grid_has_lost_is_missed(folder, effect):
    for path in folder.glob("embeddings_*.h5"):
        path.unlink()
    for level in LEVELS[effect]:
        (folder / f"embeddings_{effect}_{level}.h5").touch()
    assert completed(folder).levels(effect) == LEVELS[effect]
    lost = LEVELS[effect][5]
    (folder / f"embeddings_{effect}_{lost}.h5").unlink()
    with pytest.raises(InputError, match=rf"effects\.{effect}: .* no file of level {lost}: add"):
        completed(folder)
    rest = [level for level in LEVELS[effect] if level != lost]
    assert completed(folder, effects={effect: {"levels": rest}}).levels(effect) == rest
    (folder / f"embeddings_{effect}_{LEVELS[effect][0]}.h5").unlink()
    for level in rest[1 : 1 + len(rest) // 2]:  # so few that they are a choice
        (folder / f"embeddings_{effect}_{level}.h5").unlink()
    assert completed(folder).levels(effect) == rest[1 + len(rest) // 2 :]


def test_a_folder_without_effects_is_refused(folder):
    for path in folder.glob("embeddings_*.h5"):
        path.unlink()
    with pytest.raises(InputError, match=r"no embeddings_<effect>_<level>\.h5 in "):
        completed(folder)


def test_a_split_that_cannot_be_used_is_refused(folder):
    header = ("instrument", "genre", "file_name", "split")
    train = [(label, "", f"{label}{n}", "train") for label in ("oboe", "tuba") for n in range(3)]
    for rows, message in (
        ([header, *train], r"split\.csv: label oboe: no test clip"),
        (
            [header, *train[1:], ("oboe", "", "a", "test"), ("tuba", "", "b", "test")],
            r"split\.csv: label oboe: 2 training clips",
        ),
        ([header[:3]], r"split\.csv: no column split"),
    ):
        write_split(folder, rows)
        with pytest.raises(InputError, match=message):
            completed(folder)
    (folder / "split.csv").unlink()
    with pytest.raises(InputError, match=r"embeddings\.split: .*split\.csv does not exist"):
        completed(folder)


def write_config(project, **keys):
    embeddings = {
        "directory": str(ORACLE / "inputs" / "embeddings"),
        "split": str(ORACLE / "inputs" / "train_test_split.csv"),
    }
    config = {"experiment": "oracle", "embeddings": embeddings, "models": ["panns"]}
    project.write_config({**config, **keys})


def test_a_refusal_is_one_line_of_the_run(project, folder):
    embeddings = {"directory": str(folder), "split": str(folder / "split.csv")}
    project.write_config({"experiment": "x", "embeddings": embeddings})
    done = project.snakemake("--dry-run")
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "error: tiny.yaml: models: is missing: add it (config/embeddings.yaml" in done.stderr


def test_a_file_cut_short_ends_the_run_in_one_line(project):
    folder = project.path("embeddings")
    folder.mkdir()
    for path in (ORACLE / "inputs" / "embeddings").glob("embeddings*.h5"):
        shutil.copyfile(path, folder / path.name)
    cut = folder / "embeddings_bitcrush_7.h5"
    cut.write_bytes(cut.read_bytes()[:30_000])
    split = str(ORACLE / "inputs" / "train_test_split.csv")
    embeddings = {"directory": "embeddings", "split": split}
    project.write_config({"experiment": "cut", "embeddings": embeddings, "models": ["panns"]})
    store = "results/cut/embeddings/panns/bitcrush.h5"
    done = project.snakemake(store)
    log = project.path("logs/cut/embeddings/panns/bitcrush/import.log").read_text(encoding="utf-8")
    (line,) = (line for line in log.splitlines() if " ERROR " in line)
    assert "embeddings/embeddings_bitcrush_7.h5: not a readable HDF5 file (" in line
    assert done.returncode != 0
    # The screen leaves the time and the level out.
    assert done.stderr.splitlines()[-1].strip() == line.split(" ERROR ")[1]
    assert "Traceback" not in log and not project.path(store).exists()


def test_all_that_there_is_gets_planned_and_no_audio(project):
    """By the files' names alone: what is in them is read by jobs."""
    folder = project.path("embeddings")
    folder.mkdir()
    names = ["embeddings", *(f"embeddings_bitcrush_{level}" for level in range(4, 16))]
    names += [f"embeddings_lowpass_cheby_{level}" for level in LEVELS["lowpass"]]
    for name in names:
        (folder / f"{name}.h5").touch()
    split = str(ORACLE / "inputs" / "train_test_split.csv")
    embeddings = {"directory": str(folder), "split": split}
    write_config(project, embeddings=embeddings, models=["openl3", "panns"])
    jobs = project.planned()
    assert {job["model"] for job in jobs["import_original"]} == {"openl3", "panns"}
    pairs = {(job["model"], job["effect"]) for job in jobs["import_effect"]}
    assert pairs == {(m, e) for m in ("openl3", "panns") for e in ("bitcrush", "lowpass")}
    assert not {"index_clips", "render_effect", "embed_original", "embed_clips"} & set(jobs)
    settings = complete(load_settings(project.read_config(), "tiny.yaml"))
    assert [len(settings.levels(effect)) for effect in ("bitcrush", "lowpass")] == [12, 31]
    assert len(settings.labels) == 11
    assert project.command("plan", "tiny.yaml").stdout == (
        "tiny.yaml: 43 levels of 2 effects, 2 models, 11 labels, from embeddings: nothing is "
        "rendered or embedded, and no cost is estimated\n"
    )


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """The oracle's embeddings of one model and effect, analysed to the report."""
    from support.project import copy_checkout

    project = copy_checkout(tmp_path_factory.mktemp("imported") / "project")
    write_config(
        project,
        models=["panns"],
        effects={"bitcrush": {"levels": {"start": 4, "stop": 15, "step": 1}}},
        debiasing={"methods": list(METHODS.values()), "svd_thresholds": [0.4]},
        figures={"umap": {"clips": 3}},
    )
    project.run()
    return project


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def expected(name):
    wanted = {"model": "panns", "effect": "bitcrush"}
    rows = rows_of(ORACLE / "expected" / f"{name}.csv")
    return [row for row in rows if wanted.items() <= row.items()]


@pytest.mark.more
def test_the_authors_r2(imported):
    tables = imported.path("results/oracle/tables")
    for table, key, theirs in (
        ("global_r2", "label", "instrument"),
        ("samplewise_r2", "clip", "file_name"),
    ):
        found = {row[key]: float(row["r2"]) for row in rows_of(tables / f"{table}.csv")}
        wanted = {row[theirs]: float(row["r2"]) for row in expected(table)}
        assert found.keys() == wanted.keys() and len(wanted) >= 11
        assert max(abs(found[name] - wanted[name]) for name in wanted) <= TOLERANCE


@pytest.mark.more
def test_the_authors_auc_of_a_converged_optimum(imported):
    keys = ("label", "method", "threshold", "train", "test")
    found = {
        tuple(row[key] for key in keys): row
        for row in rows_of(imported.path("results/oracle/tables/auc.csv"))
    }
    compared = 0
    for row in expected("auc"):
        if row["method"] not in METHODS or row["threshold"] not in ("", "0.4"):
            continue
        key = (row["instrument"], METHODS[row["method"]], row["threshold"])
        ours = found[(*key, *(level_of(row[end]) for end in ("train", "test")))]
        assert abs(float(ours["roc_auc"]) - float(row["roc_auc_exact"])) <= TOLERANCE
        assert float(ours["best_c"]) == pytest.approx(float(row["best_C_exact"]))
        compared += 1
    # Two labels; on originals, and for each level three pairs of training and test.
    assert compared == 2 * len(METHODS) * (1 + 3 * 12)


def level_of(text: str) -> str:
    return "original" if text.startswith("orig") else f"{float(text):.0f}"


@pytest.mark.more
def test_every_table_and_figure_that_needs_no_audio_is_there(imported):
    from test_tables import SPECIFIED

    from embedding_sensitivity.experiment.measures import list_measures

    results = imported.path("results/oracle")
    tables = {path.stem for path in results.glob("tables/*.csv")}
    measures = [m for m in list_measures() if not (m.needs_audio or m.needs_layers)]
    measured = {table.name for m in measures for table in m.tables if table.is_result}
    assert tables == measured | {"recordings"}
    assert not list(results.glob("figures/response_to_change*"))
    assert tables >= set(SPECIFIED) - {"paper_comparison", "dropped_clips"}
    kinds = ("trajectories", "correlation", "spectra", "auc", "auc_gain", "recovery")
    stems = [f"{kind}_panns_bitcrush" for kind in kinds]
    kinds = ("dimensionality", "displacement", "verdicts", "retrieval", "equivariance")
    stems += [f"{kind}_bitcrush" for kind in (*kinds, "heldout_energy", "samplewise")]
    for stem in (*stems, "table1", "threshold_90"):
        assert (results / "figures" / f"{stem}.pdf").stat().st_size > 1000
        assert (results / "figures" / f"{stem}.png").exists()
    assert (results / "embeddings" / "panns.h5").exists()
    assert imported.planned() == {}


@pytest.mark.more
def test_the_manifest_has_the_embeddings_that_were_given(imported):
    from test_manifest import sha256, verify

    text = imported.path("results/oracle/manifest.json").read_text(encoding="utf-8")
    found = json.loads(text)
    names = ["embeddings.h5", *(f"embeddings_bitcrush_{level}.h5" for level in range(4, 16))]
    given = found["inputs"]["embeddings"]
    assert {Path(path).name for path in given} == set(names)
    assert all(entry["sha256"] == sha256(Path(path)) for path, entry in given.items())
    assert [Path(path).name for path in found["inputs"]["split"]] == ["train_test_split.csv"]
    assert found["inputs"]["clips"] == found["inputs"]["weights"] == {}
    assert set(found["environments"]) == {"analysis"} and found["protocol"] is None
    for given in ("tiny.yaml", "results/oracle"):
        done = verify(imported, given)
        assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stdout + done.stderr


def torn(imported) -> str:
    """How many recordings of each label are among the 6 with clips in both parts."""
    splits, labels = defaultdict(set), defaultdict(set)
    for clip in rows_of(imported.path("results/oracle/clips.csv")):
        splits[clip["group"]].add(clip["split"])
        labels[clip["label"]].add(clip["group"])
    both = {group for group, parts in splits.items() if {"train", "test"} <= parts}
    assert len(both) == 6
    numbers = {label: len(groups & both) for label, groups in sorted(labels.items())}
    return ", ".join(f"{label} {number}" for label, number in numbers.items() if number)


@pytest.mark.more
def test_the_report_says_where_the_embeddings_are_from(imported):
    imported.run("--report", "report.html")
    text = " ".join(imported.path("report.html").read_text(encoding="utf-8").split())
    assert "embeddings made elsewhere, in " in text
    # On the front page and in captions of tables.
    assert text.count(f"recordings with clips in both training and test: {torn(imported)} (") > 5
    assert "audio reaches the models" not in text


@pytest.mark.more
def test_recordings_in_both_parts_are_reported(imported):
    rows = rows_of(imported.path("results/oracle/clips_report.csv"))
    assert {row["finding"] for row in rows} == {"leak"}
    assert len({row["detail"] for row in rows}) == 6
    log = imported.path("logs/oracle/index_embeddings.log").read_text(encoding="utf-8")
    warned = f"WARNING recordings with clips in both training and test: {torn(imported)} ("
    assert warned in log
