"""Bad input from the command line: one clear line, a failing exit status, nothing half-written."""

import math
import struct
import wave

import pytest


def write_clip(path, seed: int = 1, rate: int = 8000, seconds: float = 0.2) -> None:
    """A mono 16-bit WAV of a tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        tone = (math.sin(index * (0.05 + 0.01 * seed)) for index in range(int(rate * seconds)))
        file.writeframes(b"".join(struct.pack("<h", int(8000 * value)) for value in tone))


@pytest.fixture
def local(project):
    """An experiment on a folder of one's own: two labels of eight clips, one group each."""
    for label in ("oboe", "tuba"):
        for number in range(8):
            write_clip(project.path(f"audio/{label}/{label}{number}.wav"), number)
    project.write_config(
        {
            "experiment": "local",
            "data": {"source": "folder", "folder": "audio"},
            "labels": ["oboe", "tuba"],
            "effects": {"bitcrush": {"levels": [4, 8]}},
            "models": {"logmel": {}},
        }
    )
    return project


def refused(project, *arguments: str, message: str) -> str:
    """Run, expect a failure that says `message` in one line, and return the output."""
    done = project.snakemake(*arguments)
    output = done.stdout + done.stderr
    assert done.returncode != 0, output
    lines = [line for line in output.splitlines() if message in line]
    assert lines, f"{message!r} is not in:\n{output}"
    assert "Traceback" not in output
    return output


def test_the_folder_experiment_plans(local):
    assert {"index_clips", "render_effect", "embed_clips", "classify"} <= set(local.planned())


def change(project, **keys) -> None:
    project.write_config({**project.read_config(), **keys})


def test_missing_folder(local):
    change(local, data={"source": "folder", "folder": "elsewhere"})
    refused(local, "--dry-run", message="error: data.folder: elsewhere does not exist")


def test_empty_folder(local):
    local.path("void").mkdir()
    change(local, data={"source": "folder", "folder": "void"})
    refused(local, "--dry-run", message="error: data.folder: no audio file")


def test_missing_split_file(local):
    change(local, data={"source": "folder", "folder": "audio", "split": "none.csv"})
    refused(local, "--dry-run", message="error: data.split: none.csv does not exist")


def test_label_that_the_data_has_not(local):
    change(local, labels=["oboe", "tubba"])
    refused(local, "--dry-run", message="error: tiny.yaml: labels: no clip is labelled 'tubba'")


def test_misspelt_key(local):
    change(local, levls_per_job=2)
    refused(
        local,
        "--dry-run",
        message="error: tiny.yaml: levls_per_job: unknown key 'levls_per_job': "
        "did you mean 'levels_per_job'?",
    )


def test_config_values_without_a_file(local):
    done = local.snakemake("--dry-run", "--config", "experiment=other", configfile=None)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "error: --config without --configfile would replace config.yaml" in output
    assert "Traceback" not in output


def test_two_config_files(local):
    done = local.snakemake(
        "--dry-run", "--configfile", "tiny.yaml", "config/demo.yaml", configfile=None
    )
    assert done.returncode != 0
    assert "a config file is complete in itself, give one" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "audio/tuba/tuba3.wav"),
        (b"not audio at all", "audio/tuba/tuba3.wav"),
    ],
)
def test_a_broken_clip_stops_the_run_at_the_index(local, content, message):
    local.path("audio/tuba/tuba3.wav").write_bytes(content)
    output = refused(local, message=message)
    assert "rule index_clips" in output
    left = [path.name for path in local.path("results").rglob("*") if path.is_file()]
    assert left == [], left


def test_a_clip_of_another_rate_stops_the_run_at_the_index(local):
    write_clip(local.path("audio/tuba/tuba3.wav"), rate=16000)
    refused(local, message="audio/tuba/tuba3.wav: 16000 Hz, 1 channels, expected 8000 Hz")


def test_too_few_clips_of_a_label_stop_the_run_at_the_index(local):
    for number in range(3, 8):
        local.path(f"audio/tuba/tuba{number}.wav").unlink()
    refused(local, message="label tuba: 2 training clips")
    assert not local.path("results/local/clips.csv").exists()


def test_duplicate_clip_ids_stop_the_run_at_the_index(local):
    write_clip(local.path("audio/more/oboe1.wav"))
    refused(local, message="clip id oboe1 is taken by audio/more/oboe1.wav")
