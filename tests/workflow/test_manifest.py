"""What a run's manifest says, and what `make verify` finds when a file is another one."""

import csv
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.commands.verify import GIVEN, WITHOUT, advise
from embedding_sensitivity.downloads.published_files import SOURCES
from embedding_sensitivity.experiment import manifest
from support import mock_snakemake

STAMP = ".snakemake_timestamp"


def verify(project, given: str = "tiny.yaml") -> subprocess.CompletedProcess:
    return project.command("verify", given)


def differences(done: subprocess.CompletedProcess) -> set[tuple[str, str]]:
    """The lines of a verification as kind and path; they are told once each."""
    assert not done.stderr, done.stderr
    lines = [line for line in done.stdout.splitlines()[:-1] if not line.startswith("note: ")]
    found = {tuple(line.split(": ")[:2]) for line in lines}
    assert len(found) == len(lines)
    assert all(line.count(": ") >= 2 and line.split(": ", 2)[2] for line in lines)
    return found


def flip(path: Path) -> None:
    """Flip one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def read(project) -> dict:
    return json.loads(project.path("results/tiny/manifest.json").read_text(encoding="utf-8"))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_file_of_the_results_is_in_the_manifest(finished):
    """One that a new rule makes has to be added to `Plan.kept_outputs`."""
    found, results = read(finished), finished.path("results/tiny")
    there = {str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()}
    there = {name for name in there if Path(name).name != STAMP}
    there -= {"manifest.json", "report.html", ".audio.json"}
    clips = {name for name in there if name.startswith("clips/")} - {"clips/.identity"}
    assert set(found["outputs"]) == there - clips
    assert {f"results/tiny/{name}" for name in clips} == {
        *found["inputs"]["clips"],
        *found["inputs"]["split"],
    }
    for name, entry in found["outputs"].items():
        path = results / name
        assert entry == {"bytes": path.stat().st_size, "sha256": sha256(path)}, name


def test_it_says_what_the_run_was_made_of(finished):
    found = read(finished)
    with open(finished.path("results/tiny/clips.csv"), encoding="utf-8", newline="") as file:
        clips = {row["path"]: {"sha256": row["sha256"]} for row in csv.DictReader(file)}
    assert found["inputs"]["clips"] == clips and len(clips) == 27
    (weights,) = finished.path("resources/weights").iterdir()
    assert found["inputs"]["weights"][f"resources/weights/{weights.name}"]["sha256"] == sha256(
        weights
    )
    assert found["protocol"]["reverb_state"] == "carried"
    settings = found["config"]["settings"]
    # As it is computed, not only as it is written: defaults are filled in.
    assert settings["models"]["musicnn"]["layer"] == "mean_pool"
    assert settings["debiasing"]["svd_thresholds"] == [0.3, 0.4, 0.5]
    code = found["code"]["files"]
    assert {"Snakefile", "rules/common.smk", "envs/audio.post-deploy.sh"} < set(code)
    # The explorer's templates too.
    endings = {".py", ".js", ".css", ".html"}
    files = finished.path("workflow_scripts").rglob("*.*")
    scripts = {str(path) for path in files if path.suffix in endings}
    assert {name for name in code if name.startswith("workflow_scripts/")} == {
        str(Path(path).relative_to(finished.folder)) for path in scripts
    }
    stacks = found["environments"]
    assert set(stacks) == {"analysis", "audio", "musicnn"}
    assert stacks["analysis"]["packages"]["numpy"] == "2.4.6"
    assert stacks["musicnn"]["packages"]["musicnn"] == "0.1.0"
    assert set(stacks["audio"]["files"]) == {"envs/audio.yaml", "envs/audio.post-deploy.sh"}


def test_a_finished_run_is_as_its_manifest_says(finished):
    done = verify(finished)
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    (line,) = done.stdout.splitlines()
    assert ": 0 changed, 0 missing, 0 not in the manifest; " in line
    assert verify(finished, "results/tiny/").stdout == done.stdout


def kept_audio(project) -> str:
    (folder,) = project.path("results/tiny/audio_kept/reverb").glob("0.10.*")
    return str(folder.relative_to(project.folder))


def test_each_changed_missing_and_added_file_is_named(again):
    results, finished_clips = "results/tiny", sorted(again.path("results/tiny/clips").glob("*.wav"))
    (weights,) = again.path("resources/weights").iterdir()
    part = next(again.path(f"{results}/embeddings/logmel/gain").glob("5.0.*.h5"))
    original = next(again.path(f"{results}/embeddings/musicnn/original").glob("*.h5"))
    kept = kept_audio(again)
    changed = [
        f"{results}/tables/auc.csv",
        f"{results}/tables/provenance.json",
        f"{results}/embeddings/logmel/reverb.h5",
        f"{results}/embeddings/musicnn.h5",
        str(original.relative_to(again.folder)),
        f"{results}/directions/logmel/gain.h5",
        f"{results}/figures/table1.pdf",
        f"{results}/figures/auc_logmel_gain.png",
        f"{results}/clips/split.csv",
        f"{kept}/{finished_clips[2].name}",
        str(finished_clips[0].relative_to(again.folder)),
        str(weights.relative_to(again.folder)),
        str(part.relative_to(again.folder)),
    ]
    missing = [
        f"{results}/tables/table1.csv",
        f"{results}/analysis/logmel/gain/auc.csv",
        str(finished_clips[1].relative_to(again.folder)),
        f"{kept}/{finished_clips[3].name}",
    ]
    added = [
        f"{results}/notes.txt",
        f"{results}/embeddings/logmel/gain/.5.0.01234567.h5.part",
        f"{kept}/mine.wav",
        f"{results}/clips/mine.wav",
    ]
    for name in changed:
        flip(again.path(name))
    for name in missing:
        again.path(name).unlink()
    for name in added:
        again.path(name).write_text("mine")
    again.path(f"{results}/report.html").write_text("made after the run")
    done = verify(again)
    assert done.returncode == 1
    assert differences(done) == {
        *(("changed", name) for name in changed),
        *(("missing", name) for name in missing),
        *(("not in the manifest", name) for name in added),
    }
    assert ": 13 changed, 4 missing, 4 not in the manifest; " in done.stdout.splitlines()[-1]


def test_what_verify_advises_makes_the_same_bytes(again):
    """Delete what it says, and run again."""
    kept, original = kept_audio(again), read(again)
    flip(again.path("results/tiny/figures/table1.png"))
    next(again.path(kept).glob("*.wav")).unlink()
    for line in verify(again).stdout.splitlines()[:-1]:
        path, advice = line.split(": ", 2)[1:]
        folder = path.startswith(kept)
        assert advice == f"delete {kept if folder else 'it'} and run again"
        shutil.rmtree(again.path(kept)) if folder else again.path(path).unlink()
    assert set(again.planned()) == {"keep_audio", "draw_table1"}
    again.run()
    assert verify(again).returncode == 0
    assert read(again) == original


def one_of_each(project) -> list[str]:
    """What a run makes between its clips and its tables, each of another model or effect."""
    patterns = (
        *("embeddings/logmel/gain/5.0.*.h5", "embeddings/musicnn-untrained/original/*.h5"),
        *("embeddings/musicnn/gain.h5", "directions/musicnn/reverb.h5"),
        "analysis/musicnn-untrained/gain/auc.csv",
    )
    return [project.find(f"results/tiny/{pattern}") for pattern in patterns]


def test_what_is_missing_between_is_made_again(again):
    """Snakemake alone makes nothing that lies between files that are there."""
    lost = one_of_each(again)
    for name in lost:
        again.path(name).unlink()
    made = {output for job in again.run("--dry-run").jobs for output in job.outputs}
    assert set(lost) <= made


@pytest.mark.more
def test_all_that_verify_advises_makes_the_same_bytes(again):
    """Of a file of each kind: delete what it says, and run what it says."""
    results, original = "results/tiny", read(again)
    changed = one_of_each(again)
    changed += [f"{results}/{name}" for name in ("clips.csv", "tables/auc.csv", "clips/split.csv")]
    changed += [again.find("resources/weights/*"), f"{results}/embeddings/logmel.h5"]
    changed.append(min(original["inputs"]["clips"]))
    for name in changed:
        flip(again.path(name))
    lines = verify(again).stdout.splitlines()[:-1]
    assert {line.split(": ")[1] for line in lines} == set(changed)
    targets = []
    for line in lines:
        path, advice = line.split(": ", 2)[1:]
        again.path(path).unlink()
        _, _, target = advice.partition("delete it and run: snakemake --configfile tiny.yaml -- ")
        assert target or advice == "delete it and run again"
        targets += [target] if target else []
    for target in targets:
        again.run(target)
    again.run()
    assert verify(again).returncode == 0
    assert read(again) == original


TAKE_IN = "move it elsewhere, or run again to add it"
FETCHED = "delete it: it is fetched again when it is needed"
ADVICE = [
    ("folder", "clips", "mine/a.wav", "changed", GIVEN),
    ("folder", "clips", "mine/a.wav", "missing", WITHOUT),
    ("folder", "clips", "resources/mine/a.wav", "changed", GIVEN),
    ("folder", "split", "mine/split.csv", "changed", GIVEN),
    ("folder", "other_audio", "mine/b.wav", "not in the manifest", TAKE_IN),
    ("demo", "clips", "results/x/clips/a.wav", "changed", "delete it and run again"),
    ("demo", "clips", "results/x/clips/a.wav", "missing", "run again"),
    ("irmas", "clips", "elsewhere/cel/a.wav", "changed", "restore it"),
    ("irmas", "other_audio", "elsewhere/cel/b.wav", "not in the manifest", "move it elsewhere"),
    (
        *("irmas", "clips", "resources/IRMAS-TrainingData/cel/a.wav", "changed"),
        "delete resources/IRMAS-TrainingData and run: snakemake --configfile my.yaml -- "
        "resources/IRMAS-TrainingData",
    ),
    (
        *("irmas", "split", "resources/train_test_split.csv", "changed"),
        "delete it and run: snakemake --configfile my.yaml -- resources/train_test_split.csv",
    ),
    ("irmas", "split", "mine/split.csv", "changed", GIVEN),
    (None, "embeddings", "mine/embeddings.h5", "changed", GIVEN),
    (
        *("demo", "weights", "resources/weights/clap.pth", "missing"),
        "run: snakemake --configfile my.yaml -- resources/weights/clap.pth",
    ),
    ("demo", "downloads", "resources/downloads/clap.pth", "changed", FETCHED),
    ("demo", "downloads", "mine/clap.pth", "changed", "restore it"),
    ("demo", "outputs", "results/x/tables/auc.csv", "missing", "run again"),
]


@pytest.mark.parametrize(("source", "role", "path", "kind", "advice"), ADVICE)
def test_what_to_do_about_each_kind_of_file(source, role, path, kind, advice):
    found = {"config": {"settings": {"data": {"source": source} if source else None}}}
    assert advise(manifest.Difference(path, kind, role), found, "my.yaml") == advice


def test_other_code_and_another_config_are_notes(again):
    script = again.path("workflow_scripts/measure.py")
    script.write_text(script.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    again.path("rules/measures.smk").unlink()
    again.path("workflow_scripts/embedding_sensitivity/new.py").touch()
    config = again.read_config()
    again.write_config(dict(reversed(config.items())))
    done = verify(again)
    assert done.returncode == 0 and done.stdout.count("note: ") == 1
    assert "3 files differ (rules/measures.smk, " in done.stdout
    again.write_config({**config, "levels_per_job": 3})
    done = verify(again)
    assert done.returncode == 0 and done.stdout.count("note: ") == 2
    assert "note: tiny.yaml is not the config that these results were made from" in done.stdout


def test_the_commit_is_that_of_the_checkout_itself(tmp_path, monkeypatch):
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    unknown = {"commit": None, "clean": None}
    assert manifest.commit_of(tmp_path) == unknown
    git("init", "--quiet")
    tracked = tmp_path / "copied" / "Snakefile"
    tracked.parent.mkdir()
    tracked.touch()
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    (tmp_path / "my.yaml").touch()
    assert manifest.commit_of(tmp_path) == {"commit": git("rev-parse", "HEAD"), "clean": True}
    tracked.write_text("edited")
    assert manifest.commit_of(tmp_path)["clean"] is False
    # Not of a repository that a copy without its own happens to lie in.
    assert manifest.commit_of(tracked.parent) == unknown
    monkeypatch.setenv("PATH", "")
    assert manifest.commit_of(tmp_path) == unknown


@pytest.mark.parametrize(
    "content, said",
    [
        (None, "does not exist: it is written at the end of a run"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"schema_version": 1}', "is damaged"),
    ],
)
def test_no_or_no_whole_manifest_is_one_line(project, content, said):
    path = project.path("results/tiny/manifest.json")
    if content:
        path.parent.mkdir(parents=True)
        path.write_text(content)
    done = verify(project)
    assert done.returncode == 1 and not done.stdout
    assert len(done.stderr.splitlines()) == 1 and said in done.stderr


def test_a_config_that_is_none_is_one_line(project):
    for text in ("experiment: [", "experiment: ../other", "models: {}", "- 1"):
        project.config_file.write_text(text)
        done = verify(project)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, text
        assert done.stderr.startswith("error: tiny.yaml: ")


# Of a run as the paper's: a folder that was unpacked, downloads, weights known by the lock file.
FOLDER, LOCK = "resources/IRMAS-TrainingData", "resources/weights.lock"
CLAP, PANNS = "resources/weights/CLAP_weights_2023.pth", "resources/weights/Cnn14_mAP=0.431.pth"
ZIP = "resources/downloads/IRMAS-TrainingData.zip"
CLAP_DOWNLOAD = "resources/downloads/CLAP_weights_2023.pth"


@pytest.fixture
def downloaded(tmp_path, monkeypatch):
    """The manifest of a run on downloads, and its files, below the current folder."""
    monkeypatch.chdir(tmp_path)
    files = {name: name.encode() for name in (CLAP, PANNS, ZIP, "results/x/clips.csv")}
    files |= {CLAP_DOWNLOAD: CLAP.encode()}
    files |= {f"{FOLDER}/{name}": name.encode() for name in ("cel/a.wav", "cel/b.wav", "READ.txt")}
    pins = f"{Path(CLAP).name} {hashlib.sha256(CLAP.encode()).hexdigest()}\nother {'0' * 64}\n"
    for name, content in (files | {LOCK: pins.encode()}).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)
    values = ["a", f"{FOLDER}/cel/a.wav", "cello", "", "a", "train", 1.0, 1, 1]
    clip = Clip(*values, sha256(Path(values[1])), 1, 0)
    inputs = manifest.describe_audio([FOLDER], [clip], 2)
    inputs["weights"] = manifest.hash_files([CLAP, PANNS], 2)
    irmas = {"hash_kind": "md5", "sha256": hashlib.md5(ZIP.encode()).hexdigest()}
    clap = {"hash_kind": "lock", "sha256": inputs["weights"][CLAP]["sha256"]}
    found = {
        "experiment": "x",
        "config": {},
        "code": {"sha256": "", "files": {}},
        "inputs": inputs | {"downloads": {ZIP: irmas, CLAP_DOWNLOAD: clap}},
        "folders": [FOLDER],
        "pinned": [CLAP],
        "outputs": {"clips.csv": {"bytes": 1, "sha256": sha256(Path("results/x/clips.csv"))}},
    }
    manifest.write("results/x/manifest.json", found)
    return manifest.read("results/x/manifest.json")


def compared(found: dict) -> list[tuple[str, str, str]]:
    listed = manifest.compare(found, "results/x", LOCK, n_threads=2)
    return [(each.kind, each.path, each.role) for each in listed]


def test_of_the_downloads_all_is_compared(downloaded):
    assert set(downloaded["inputs"]["clips"]) == {f"{FOLDER}/cel/a.wav"}
    assert set(downloaded["inputs"]["other_audio"]) == {f"{FOLDER}/cel/b.wav", f"{FOLDER}/READ.txt"}
    assert compared(downloaded) == []


@pytest.mark.parametrize(
    "path, role",
    [
        (f"{FOLDER}/cel/a.wav", "clips"),
        (f"{FOLDER}/cel/b.wav", "other_audio"),
        (f"{FOLDER}/READ.txt", "other_audio"),
        (PANNS, "weights"),
        (ZIP, "downloads"),
        (CLAP_DOWNLOAD, "downloads"),
        ("results/x/clips.csv", "outputs"),
    ],
)
def test_one_flipped_bit_of_what_was_downloaded_is_found(downloaded, path, role):
    flip(Path(path))
    assert compared(downloaded) == [("changed", path, role)]
    Path(path).unlink()
    # Of a download that was unpacked or copied, nothing is missing.
    assert compared(downloaded) == ([] if role == "downloads" else [("missing", path, role)])


def test_audio_that_was_added_to_the_unpacked_folder_is_found(downloaded):
    Path(f"{FOLDER}/cel/c.wav").touch()
    assert compared(downloaded) == [("not in the manifest", f"{FOLDER}/cel/c.wav", "other_audio")]
    shutil.rmtree(FOLDER)
    assert {kind for kind, *_ in compared(downloaded)} == {"missing"}


def test_another_pin_is_found_and_another_files_is_not(downloaded):
    lock = Path(LOCK)
    pins = lock.read_text()
    lock.write_text(pins.replace("other 0", "other 1"))
    assert compared(downloaded) == []
    lock.write_text(pins.replace(" ", " 0", 1).replace("0\nother", "\nother"))
    assert compared(downloaded) == [("changed", LOCK, "pins")]
    for text in ("other " + "0" * 64, "nonsense"):
        lock.write_text(text)
        assert compared(downloaded) == [("changed", LOCK, "pins")], text
    lock.unlink()
    assert compared(downloaded) == [("missing", LOCK, "pins")]


def test_what_a_download_has_to_be_is_in_the_manifest(downloaded):
    """As the rule's script writes it, of sources with a published hash and of one without."""
    import write_manifest

    sources = {ZIP: SOURCES["irmas"], CLAP_DOWNLOAD: SOURCES["clap"]}
    downloads = {p: [s.file_name, s.hash_kind, s.digest] for p, s in sources.items()}
    files = {"outputs": ["results/x/clips.csv"], "clips": "index.csv", "recordings": []}
    files |= {role: [] for role in write_manifest.ROLES} | {"audio": [FOLDER], "weights": [CLAP]}
    given = mock_snakemake(
        "write_manifest",
        input=files,
        output="results/x/new.json",
        params={
            "config": '{"experiment": "x"}',
            "stacks": [],
            "downloads": downloads,
            "pinned": [CLAP],
            "folders": [FOLDER],
            "root": ".",
            "user_files": [],
            "left_out": {},
        },
    )
    Path("index.csv").write_text(",".join(Clip.__dataclass_fields__) + "\n")
    write_manifest.main(given)
    found = manifest.read("results/x/new.json")["inputs"]["downloads"]
    assert found == {
        ZIP: {"hash_kind": "md5", "sha256": SOURCES["irmas"].digest},
        CLAP_DOWNLOAD: {"hash_kind": "lock", "sha256": sha256(Path(CLAP))},
    }
