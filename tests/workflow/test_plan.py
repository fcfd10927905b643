"""`make plan`: what a config would cost, without running it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from embedding_sensitivity.effects import EFFECTS

ROOT = Path(__file__).resolve().parents[2]


def plan(config: Path, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-P", "-m", "embedding_sensitivity.cli", "plan", str(config)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def number(text: str, line: str) -> float:
    return float(re.search(rf"{line} +([\d,.]+)", text)[1].replace(",", ""))


def test_the_demos_plan_counts_what_the_demo_makes(tmp_path):
    done = plan(ROOT / "config" / "demo.yaml", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "160 clips (the config), 20 levels of 4 effects, 4 models, 5 labels" in done.stdout
    # 160 clips x 5 levels of 3 s x 44100 Hz x 2 channels x 2 bytes, and a fifth of that.
    assert number(done.stdout, "effected audio") == 423
    assert number(done.stdout, "rendered clips") == 85
    # 160 clips at 5 levels, each at its measured rate.
    config = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text(encoding="utf-8"))
    for effect in config["effects"]:
        seconds = 160 * 5 * EFFECTS[effect].seconds
        assert number(done.stdout, f"\n +{effect}") == pytest.approx(seconds, abs=0.51)
    # Parts and assembled stores of 20 levels, and the originals, float32.
    n_values = 753 + 753 + 256 + 1024
    assert number(done.stdout, "embeddings") == round(160 * 41 * n_values * 4 / 1e6)


def test_twice_the_levels_cost_twice_the_embedding(tmp_path):
    config = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text(encoding="utf-8"))
    config["models"] = {"logmel": {}}
    times = []
    effects = (
        {"gain": {"levels": [-20, -10, -5]}},
        {"gain": {"levels": [-20, -15, -10, -8, -5, -3, -1]}},
        {"time_stretch": {"levels": [0.25, 0.5, 1]}},
    )
    for config["effects"] in effects:
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        times.append(number(plan(tmp_path / "config.yaml", tmp_path).stdout, "embedding"))
    assert times[1] == 2 * times[0]  # 3 + 1 and 7 + 1 times all clips
    assert times[2] == times[1]  # 4 + 2 + 1 times their length, and the originals


def test_a_bad_config_is_one_line(tmp_path):
    (tmp_path / "config.yaml").write_text("experiment: [", encoding="utf-8")
    done = plan(tmp_path / "config.yaml", tmp_path)
    assert done.returncode != 0 and done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "no such config file" in plan(tmp_path / "none.yaml", tmp_path).stderr
