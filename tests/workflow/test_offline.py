"""Without any network: what has everything runs, what lacks something says what, all of it."""

import gzip
import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from test_conda_standin import environment_without_conda
from test_irmas_run import ARCHIVE, SPLIT_FILE, expecting_mini, replace_in

from embedding_sensitivity.downloads.fetch import compute_digest
from embedding_sensitivity.downloads.published_files import SOURCES
from support.offline import NAMESPACE, needs_namespace
from support.project import ROOT, Project

pytestmark = needs_namespace
# In the order in which they are listed: data, then models as the config has them.
FILES = {name: SOURCES[name].file_name for name in ("irmas", "split", "openl3", "panns", "clap")}
DOWNLOADS = "resources/downloads"


def with_environments(project: Project) -> Project:
    """Let `make missing` find the built environments, without an option."""
    with open(project.path("profiles/default/config.yaml"), "a", encoding="utf-8") as profile:
        profile.write(f"\nconda-prefix: {ROOT / '.snakemake' / 'conda'}\n")
    return project


def missing(project: Project) -> tuple[int, list[str]]:
    """The exit status and the lines of `make missing`, without a network."""
    done = Project(project.folder, NAMESPACE).command("missing", "tiny.yaml")
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


def test_the_namespace_has_no_network_at_all():
    connect = "import socket; socket.create_connection(('127.0.0.1', 9), 5)"
    done = subprocess.run(
        [*NAMESPACE, sys.executable, "-c", connect], capture_output=True, text=True
    )
    assert "Network is unreachable" in done.stderr


def test_an_experiment_and_its_report_need_none(finished, again):
    """The tiny experiment, with everything but downloads: what `finished` ran, from clips on."""
    assert finished.through == NAMESPACE
    assert finished.path("results/tiny/tables/verdicts.csv").exists()
    again.through = NAMESPACE
    again.run("--report", "report.html")
    page = again.path("report.html").read_text(encoding="utf-8")
    assert not re.findall(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?https?:", page)
    with_environments(again)
    assert missing(again) == (0, ["nothing is missing"])


WEIGHTS = {
    "openl3": gzip.compress(b"\x89HDF\r\n\x1a\n of OpenL3"),
    "panns": b"PANNs",
    "clap": b"PK\x03\x04 of CLAP",
}


@pytest.fixture
def papers(project) -> Project:
    """The paper's data and weights in miniature, whose hashes the workflow expects, nowhere yet.

    Weights are not real: fetching them looks at hashes and first bytes. That the models then embed
    without a network, test_paper_models.py and test_weights.py show.
    """
    expecting_mini(project)
    library = project.path("workflow_scripts/embedding_sensitivity")
    replace_in(library / "downloads/fetch.py", ("pause_s: float = 1,", "pause_s: float = 0.01,"))
    project.path("made").write_bytes(WEIGHTS["openl3"])
    openl3 = SOURCES["openl3"].digest, compute_digest(project.path("made"), "git_blob")
    replace_in(library / "models/openl3/__init__.py", openl3)
    replace_in(
        library / "models/panns/__init__.py",
        (SOURCES["panns"].digest, hashlib.sha256(WEIGHTS["panns"]).hexdigest()),
        ("size=327_428_481", f"size={len(WEIGHTS['panns'])}"),
    )
    models = {name: {} for name in (*WEIGHTS, "logmel")}
    project.write_config(project.read_config() | {"models": models})
    project.through = NAMESPACE
    return with_environments(project)


def bring(project: Project, *names: str) -> None:
    """Put files where a run looks for them."""
    contents = {"irmas": ARCHIVE, "split": SPLIT_FILE, **WEIGHTS}
    project.path(DOWNLOADS).mkdir(parents=True, exist_ok=True)
    for name in names:
        (project.path(DOWNLOADS) / FILES[name]).write_bytes(contents[name])


@pytest.mark.more
def test_the_papers_data_and_weights_need_none_where_their_files_are(papers):
    bring(papers, *FILES)
    assert missing(papers) == (0, ["nothing is missing"])
    targets = [f"resources/weights/{FILES[name].removesuffix('.gz')}" for name in WEIGHTS]
    papers.run(papers.output_of("embed_original", "--forceall", model="logmel"), *targets)
    assert all(papers.path(target).exists() for target in targets)
    # What was unpacked and copied need not be kept.
    shutil.rmtree(papers.path(DOWNLOADS))
    assert missing(papers) == (0, ["nothing is missing"])


def test_where_nothing_is_each_missing_file_is_one_line_and_where_it_goes(papers):
    status, lines = missing(papers)
    assert status == 1 and len(lines) == len(FILES)
    for (name, file), line in zip(FILES.items(), lines, strict=True):
        source = SOURCES[name]
        assert line.startswith(f"{file}: is missing: fetch {source.url} by hand (")
        assert f" and put it at {DOWNLOADS}/{file}, or set {source.key} in the config" in line

    # A run says the same, last on the screen and before anything else has run, of each that is
    # still missing and not only of the one that failed first.
    bring(papers, "irmas", "split")
    done = papers.snakemake("--cores", "1")
    assert done.returncode != 0 and "Traceback" not in done.stdout + done.stderr
    assert "is there a network?" in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("missing: ")]
    assert said == [f"missing: {line}" for line in lines[2:]]
    assert [job.rule for job in done.failed] == ["fetch_weights"]
    assert {job.priority for job in done.jobs} == {100} and len(done.jobs) <= 3
    downloads = {"fetch_weights", "download_irmas", "download_split"}
    assert {job.rule for job in done.jobs} <= downloads
    assert not papers.path("results/mini/clips.csv").exists()

    # What was brought is not listed; what isn't the right file is.
    bring(papers, "clap")
    (papers.path(DOWNLOADS) / FILES["openl3"]).write_bytes(b"cut short")
    papers.path("my.pth").write_bytes(b"of something else")
    config = papers.read_config()
    config["models"]["panns"] = {"weights": "my.pth"}
    papers.write_config(config)
    status, (openl3, panns) = missing(papers)
    assert status == 1
    assert openl3.startswith(f"{DOWNLOADS}/{FILES['openl3']}, kept from before: its git blob id is")
    assert panns.startswith("models.panns.weights: my.pth: has 17 bytes, expected 5: fetch https:")


def test_environments_that_are_not_built_are_one_line_each(project):
    status, lines = missing(project)
    assert status == 1
    assert [line.split(": is not built: ")[0] for line in lines] == [
        "envs/analysis.yaml",
        "envs/audio.yaml",
        "envs/musicnn.yaml",
    ]
    assert all("`make envs WHEELS=folder`" in line for line in lines)


def bare(folder: Path, **variables) -> dict[str, str]:
    """The environment of a machine that has no packages kept, and no source of any."""
    kept = {k: v for k, v in environment_without_conda().items() if not k.startswith(("PIP", "UV"))}
    kept = {name: value for name, value in kept.items() if not name.startswith(("MAKE", "MFLAGS"))}
    settings = {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_CACHE_DIR": "1", "UV_NO_CONFIG": "1"}
    return kept | settings | {"UV_CACHE_DIR": str(folder / "cache")} | variables


CREATE = ("conda", "env", "create", "--quiet", "--no-default-packages")


@pytest.mark.more
def test_an_environment_that_can_not_be_built_says_how_to_bring_it(tmp_path):
    prefix = tmp_path / "built_"
    done = subprocess.run(
        [*NAMESPACE, *CREATE, "--file", ROOT / "envs" / "audio.yaml", "--prefix", prefix],
        env=bare(tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0 and not prefix.exists()
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"conda stand-in: {prefix} is not built")
    assert "`make envs WHEELS=wheels`" in last and "`make missing CONFIG=file`" in last
    assert not [line for line in done.stderr.splitlines()[:-1] if "conda stand-in" in line]


@pytest.fixture
def unset(tmp_path) -> Path:
    """A checkout in which `make` has made nothing."""
    folder = tmp_path / "checkout"
    (folder / "tools" / "conda" / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "tools" / "requirements.txt").write_text("uv==1.0\n")
    return folder


@pytest.mark.more
def test_without_the_workflows_own_packages_make_says_how_to_bring_them(unset, tmp_path):
    done = subprocess.run(
        [*NAMESPACE, "make", "demo"],
        cwd=unset,
        env=bare(tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0 and not (unset / ".venv" / ".ready").exists()
    *pip, said, failed = done.stderr.splitlines()
    assert said.startswith("error: the packages of tools/requirements.txt cannot be installed")
    assert said.endswith("make WHEELS=wheels demo") and failed.startswith("make: ***")
    assert pip and all(line.startswith("ERROR: ") for line in pip)


def write_wheel(folder: Path, name: str, version: str = "1.0", program: str = "") -> Path:
    """Make a wheel that holds nothing, or one program of its name."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        if program:
            file = zipfile.ZipInfo(f"{name}-{version}.data/scripts/{name}")
            file.external_attr = 0o100755 << 16
            wheel.writestr(file, program)
        info = f"{name}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.mark.more
def test_a_folder_of_wheels_is_all_that_make_needs(unset, tmp_path):
    program = '#!/bin/sh\necho "$UV_OFFLINE $UV_FIND_LINKS $*" >> uv.txt\n'
    folder = write_wheel(unset / "my_wheels", "uv", program=program).parent
    done = subprocess.run(
        [*NAMESPACE, "make", ".venv/.ready", "WHEELS=my_wheels"],
        cwd=unset,
        env=bare(tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    told = "pip install --quiet --python .venv --no-deps"
    asked = ("--requirement tools/requirements.txt", "--no-build-isolation --editable .")
    said = (unset / "uv.txt").read_text().splitlines()
    assert said == [f"1 {folder} {told} {what}" for what in asked]


@pytest.mark.more
def test_what_an_environment_has_is_fetched_as_wheels(tmp_path, monkeypatch):
    """Of the package itself, of pip, and by its hash of what the post-deploy script brings."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    import wheels

    subprocess.run([sys.executable, "-m", "venv", tmp_path / "built"], check=True)
    python = tmp_path / "built" / "bin" / "python"
    pip = [python, "-m", "pip"]
    version = subprocess.check_output([*pip, "--version"], text=True).split()[1]
    subprocess.run([*pip, "uninstall", "--quiet", "--yes", "setuptools"], check=True)
    links = tmp_path / "links"
    made = [write_wheel(links, "probe"), write_wheel(links, "pip", version)]
    own = write_wheel(links, "own")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    subprocess.run([*pip, "install", "--quiet", "probe", "own"], check=True)

    script = tmp_path / "stack.post-deploy.sh"
    digest = hashlib.sha256(own.read_bytes()).hexdigest()
    script.write_text(f"pip install <<'EOR'\nown==1.0 --hash=sha256:{digest}\nEOR\n")
    wheels.fetch(python, script, tmp_path / "wheels")
    fetched = {path.name: path.read_bytes() for path in (tmp_path / "wheels").iterdir()}
    assert fetched == {path.name: path.read_bytes() for path in [*made, own]}

    script.write_text(f"pip install <<'EOR'\nown==1.0 --hash=sha256:{'0' * 64}\nEOR\n")
    with pytest.raises(SystemExit, match="error: not every package could be fetched"):
        wheels.fetch(python, script, tmp_path / "again")
