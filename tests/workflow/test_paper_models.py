"""The paper's three models, untrained as no weights are needed, from clips to tables.

Without any network where a namespace is to be had: their packages would ask hubs for more.
"""

import csv
import json
import math
import random

import pytest

from support.audio import write_wav
from support.offline import WITHOUT_NETWORK

LABELS = ["low", "high"]
MODELS = {
    "openl3-untrained": ("torch", {"seed": 1}),
    "panns-untrained": ("torch", {"seed": 1}),
    "clap-untrained": ("torch", {"seed": 1}),
}
SAMPLERATE = 44100


def write_clip(path, pitch: float, seed: int) -> None:
    """One second of a tone with noise, stereo."""
    noise = random.Random(seed)
    tones = (8000 * math.sin(2 * math.pi * pitch * i / SAMPLERATE) for i in range(SAMPLERATE))
    write_wav(path, ([round(tone + noise.gauss(0, 500)) for _ in range(2)] for tone in tones))


def write_data(folder) -> None:
    """Of each label the three training clips that a classifier needs, and one to test."""
    folder.mkdir()
    rows = [("instrument", "genre", "file_name", "split")]
    for label, pitch in zip(LABELS, (150.0, 1500.0), strict=True):
        for index in range(4):
            name = f"{label}{index}.wav"
            write_clip(folder / name, pitch * (1 + index / 10), 10 * int(pitch) + index)
            rows.append((label, "none", name, "train" if index < 3 else "test"))
    with open(folder / "split.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.mark.more
def test_the_papers_models_run_untrained_and_are_marked_as_controls(project):
    project.through = WITHOUT_NETWORK
    write_data(project.path("my_audio"))
    config = {
        "experiment": "untrained",
        "data": {"source": "folder", "folder": "my_audio", "split": "my_audio/split.csv"},
        "labels": LABELS,
        "effects": {"gain": {"levels": [-20, 5]}},
        "models": {name: options for name, (_, options) in MODELS.items()},
    }
    project.write_config(config)
    # Fewer than the 64 clips of noise that normalise an untrained network: minutes, of no matter.
    initial = project.path("workflow_scripts/embedding_sensitivity/models/shared/initial.py")
    text = initial.read_text(encoding="utf-8").replace("N_PINK_CLIPS = 64", "N_PINK_CLIPS = 2")
    initial.write_text(text, encoding="utf-8")
    results = "results/untrained"
    targets = [f"{results}/tables/provenance.json", f"{results}/figures/table1.png"]
    project.run(*(f"{results}/embeddings/{model}.h5" for model in MODELS))
    project.run(*targets)

    stores = json.loads(project.path(targets[0]).read_text(encoding="utf-8"))
    assert {store["model"] for store in stores} == set(MODELS)
    for store in stores:
        model = store["model"]
        backend, options = MODELS[model]
        assert store["backend"] == backend
        assert store["options"].items() >= options.items()
        assert not {"batch_size", "weights", "backend"} & set(store["options"])
        assert store["control"] == "untrained"
        switches = {"clap_input": "concatenated"} if model.startswith("clap") else {}
        assert store["protocol"] == {"audio": "pcm16", **switches}
        assert len(store["weights_sha256"]) == 64
        assert "torch" in store["package_versions"]
        log = project.path(project.find(f"logs/untrained/embeddings/{model}/original/*.log"))
        assert f"{model} on the CPU" in log.read_text()
    assert len({store["weights_sha256"] for store in stores}) == len(MODELS)

    with open(project.path(f"{results}/tables/table1.csv"), encoding="utf-8", newline="") as file:
        assert {row["model"] for row in csv.DictReader(file)} == set(MODELS)
    # Weights are made once, and nothing of how they run embeds anything again.
    assert len(list(project.path("resources/weights").iterdir())) == len(MODELS)
    project.write_config({**config, "device": "cpu"})
    assert project.planned(*targets) == {}
