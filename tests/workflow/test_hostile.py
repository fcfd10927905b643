"""A run on what a stranger sent: names, config and folders that try to act, up to the report."""

import csv
import json
from pathlib import Path

import pytest

from embedding_sensitivity.experiment.settings import load_settings
from embedding_sensitivity.files.errors import InputError
from support import browser
from support.audio import write_clip
from support.project import copy_checkout, refused

ROOT = Path(__file__).resolve().parents[2]
TOUCH = "$(touch PWNED) `touch PWNED`; touch PWNED"
# For a shell, a spreadsheet, mathtext, reStructuredText, a glob, a format string, a command line.
# In the order of the plain ones, which is that of tables and of the split.
LABELS = {"oboe": f"$a$ & \"b\" 'c' $ {TOUCH}", "tuba": "=1+1 *em* |sub| `ref`_ x_ %s [a-z]?* é é_"}
CLIPS = {"oboe": f"-rf {TOUCH} $x$ ", "tuba": "=HYPERLINK(\"x\") 'q' %(a)s *[!x]? "}
FOLDER = f"-data {TOUCH} '\" & |x| *y* `z`_ x_ [a]?"
TABLES = ("global_r2", "auc", "samplewise_r2")
# A kind for each way in which a label gets into a figure, and audio that is kept.
FIGURES = (
    "auc_logmel_bitcrush", f"auc_logmel_bitcrush_{LABELS['oboe']}", "dimensionality_bitcrush",
    "principal_angles_bitcrush",
)  # fmt: skip
WANTED = (
    *(f"results/hostile/tables/{table}.csv" for table in TABLES),
    *(f"results/hostile/figures/{stem}.png" for stem in FIGURES),
)


def make_clips(folder: Path, labels: dict[str, str], clips: dict[str, str]) -> None:
    for label in ("oboe", "tuba"):
        for number in range(8):
            seed = number if label == "oboe" else number + 20
            write_clip(folder / labels[label] / f"{clips[label]}{number}.wav", seed)


def experiment(name: str, folder: str, labels: list[str]) -> dict:
    return {
        "experiment": name,
        "data": {"source": "folder", "folder": folder},
        "labels": labels,
        "effects": {"bitcrush": {"levels": [4, 8], "keep_audio": [4]}},
        "models": {"logmel": {}},
        "debiasing": {"methods": ["none", "global_cca"]},
        "figures": {"labels": labels[:1], "umap": {"clips": 3}},
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The same audio under plain names, as far as its tables, and under hostile ones, reported."""
    project = copy_checkout(tmp_path_factory.mktemp("hostile") / "project")
    plain = {label: label for label in LABELS}
    make_clips(project.path("audio"), plain, plain)
    make_clips(project.path(FOLDER), LABELS, CLIPS)
    project.write_config(experiment("plain", "audio", list(plain)))
    project.run(*(f"results/plain/tables/{table}.csv" for table in TABLES))
    project.write_config(experiment("hostile", FOLDER, list(LABELS.values())))
    kept = project.output_of("keep_audio", "--forceall")
    project.run(*WANTED, kept)
    project.run(*WANTED, "--report", "report.html")
    return project


def rows_of(project, name: str, table: str) -> list[dict]:
    path = project.path(f"results/{name}/tables/{table}.csv")
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.more
@pytest.mark.parametrize("table", TABLES)
def test_hostile_names_give_the_numbers_of_plain_ones(run, table):
    renamed = {
        **LABELS,
        **{f"{label}{n}": f"{CLIPS[label]}{n}" for label in LABELS for n in range(8)},
    }
    expected = [
        {key: renamed.get(value, value) for key, value in row.items()}
        for row in rows_of(run, "plain", table)
    ]
    assert rows_of(run, "hostile", table) == expected and len(expected) >= 2


@pytest.mark.more
def test_nothing_was_run_and_nothing_lies_elsewhere(run):
    assert not [path for path in run.folder.rglob("PWNED*")]
    folder = run.path(run.find("results/hostile/audio_kept/bitcrush/4.*"))
    kept = {path.name for path in folder.glob("[!.]*")}
    assert kept == {f"{CLIPS[label]}{n}.wav" for label in LABELS for n in range(8)}
    assert all(run.path(name).exists() for name in WANTED)
    assert run.planned(*WANTED) == {}


@pytest.mark.more
def test_the_report_shows_names_as_text_and_runs_nothing(run):
    report = run.path("report.html")
    with browser.opened(report) as page:
        page.wait_for("document.querySelectorAll('nav ul a').length > 0")
        front = "document.querySelector('#app div.prose')"
        text = page.evaluate(f"{front}.textContent")
        for shown in (FOLDER, *LABELS.values()):
            assert shown in text
        assert page.evaluate(f"[...{front}.querySelectorAll('a')].map(a => a.href)") == [
            "https://hal.science/hal-04904470",
            report.with_name("explorer.html").as_uri(),
        ]
        assert (
            page.evaluate("document.querySelectorAll('.system-message, .problematic').length") == 0
        )
        links = "[...document.querySelectorAll('nav a')]"
        section = "4. Debiasing (section IV)"
        page.evaluate(f"{links}.find(link => link.textContent === {json.dumps(section)}).click()")
        page.wait_for("document.querySelectorAll('nav tbody tr').length > 0")
        cells = page.evaluate("[...document.querySelectorAll('nav td')].map(c => c.textContent)")
        assert LABELS["oboe"] in cells
        assert page.errors == []
        asked = {url for url in page.requests if not url.startswith(("data:", "blob:"))}
        assert asked == {report.as_uri()}


@pytest.mark.parametrize(
    "name",
    ["oboe<", "a{input}", "x\ny", "\u202egnp", " oboe"],
    ids=["html", "wildcard", "newline", "direction", "blank"],
)
def test_a_folder_of_a_name_that_would_act_stops_the_run_in_one_line(project, name):
    """`oboe</script><img onerror=...>.wav`, a folder and a file, would run in the report."""
    make_clips(project.path("audio"), {"oboe": name, "tuba": "tuba"}, {"oboe": "o", "tuba": "t"})
    if name.endswith("<"):
        write_clip(project.path(f"audio/{name}/script><img src=x onerror=alert(1)>.wav"))
    project.write_config(experiment("x", "audio", ["tuba", "horn"]))
    done = refused(project, "--dry-run", message="error: data.folder: audio/")
    (line,) = (line for line in done.output.splitlines() if line.startswith("error: "))
    assert line.isprintable() and "rename" in line


def test_a_label_named_as_the_figures_of_all_is_one_like_others(project):
    make_clips(project.path("audio"), {"oboe": "all", "tuba": "tuba"}, {"oboe": "o", "tuba": "t"})
    project.write_config(experiment("x", "audio", ["all", "tuba"]))
    assert len(project.planned()["draw_auc"]) == 1


# Config files


def test_snakemake_makes_no_object_of_a_config_files_tag(project):
    tag = "experiment: !!python/object/apply:os.system ['touch PWNED']\n"
    project.config_file.write_text(tag, encoding="utf-8")
    done = project.snakemake("--dry-run")
    assert done.returncode != 0 and "Traceback" not in done.output
    assert "Config file is not valid JSON or YAML" in done.output
    assert not project.path("PWNED").exists()


@pytest.mark.parametrize("path", ["a{x}", "a\nb", "a\0b", "a<b>", "\x1b]0;x\x07", "\u202eb"])
@pytest.mark.parametrize("key", ["folder", "split", "local", "directory", "weights"])
def test_a_path_in_the_config_that_would_act_is_refused(key, path):
    config = experiment("x", "audio", ["oboe", "tuba"])
    if key == "local":
        config["data"] = {"source": "irmas", "local": path}
    elif key == "directory":
        config = {"experiment": "x", "embeddings": {"directory": path, "split": "s.csv"}}
    elif key == "weights":
        config["models"] = {"panns": {"weights": path}}
    else:
        config["data"][key] = path
    with pytest.raises(
        InputError, match=rf"^some\.yaml: .*{key}: '.*' has .*: rename it"
    ) as caught:
        load_settings(config, "some.yaml")
    assert str(caught.value).isprintable()


def test_a_value_as_long_as_one_likes_is_no_line_as_long(tmp_path):
    config = experiment("x", "audio", ["oboe", "tuba"])
    config["labels"] = {"x": "y" * 10**6}
    with pytest.raises(
        InputError, match=r"labels: found \{'x': 'y+\.\.\., expected a list"
    ) as caught:
        load_settings(config, "some.yaml")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "name", ["..", "../x", "a/b", "a b", "$(touch x)", "a\nb", "-x", "{x}", "a" * 65]
)
def test_a_model_is_never_a_path(name):
    """Models of embeddings made elsewhere are called as their groups, and so are files."""
    embeddings = {"directory": "e", "split": "split.csv"}
    config = {"experiment": "x", "embeddings": embeddings, "models": [name]}
    with pytest.raises(InputError, match=r"some\.yaml: models\.0: found .*, expected"):
        load_settings(config, "some.yaml")


def test_figures_of_two_models_never_share_a_name(project):
    """`auc` of the model `gain_m` and `auc_gain` of `m` would: told before anything runs."""
    folder = project.path("embeddings")
    folder.mkdir()
    names = ["embeddings", *(f"embeddings_gain_{level}" for level in (0, 5))]
    for name in names:
        (folder / f"{name}.h5").touch()
    rows = [
        f"{label},,{label}{n},{'test' if n > 2 else 'train'}" for label in LABELS for n in range(4)
    ]
    header = "instrument,genre,file_name,split"
    (folder / "split.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    embeddings = {"directory": "embeddings", "split": "embeddings/split.csv"}
    project.write_config({"experiment": "x", "embeddings": embeddings, "models": ["m", "gain_m"]})
    refused(project, "--dry-run", message="tiny.yaml: two figures would be named auc_gain_m_gain")
