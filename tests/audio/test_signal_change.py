"""How much of the signal an effect changes, against closed forms."""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
import soundfile

import compare_signals
import tabulate_signal_change
from embedding_sensitivity.clips.clip import Clip, write_clips
from embedding_sensitivity.clips.inspection import inspect_file
from embedding_sensitivity.effects import EFFECTS
from embedding_sensitivity.effects.rendering import render_batch
from embedding_sensitivity.effects.signal_change import (
    MAX_CLIPS,
    NUMBERS,
    Original,
    choose_sample,
    log_spectral_distance,
    summarise,
)
from embedding_sensitivity.files.errors import InputError
from support import chord, mock_snakemake

RATE = 44100
PAPER = {"audio": "pcm16"}


def noise(seconds=1.0, samplerate=RATE):
    """White noise: no bin of it is near the floor of spectra."""
    random = np.random.default_rng(0)
    return (0.1 * random.standard_normal((round(seconds * samplerate), 2))).astype(np.float32)


def compare(original, effected, samplerate=RATE):
    return Original(original, samplerate).compare(effected)


@pytest.mark.parametrize("gain_db", [-12.0, -0.5, 6.0])
def test_a_gain_changes_rms_loudness_and_spectrum_by_as_many_db(gain_db):
    """And the SNR of its change is known: that of 1 to |g - 1|."""
    audio = noise()
    factor = 10 ** (gain_db / 20)
    found = compare(audio, audio * np.float32(factor))
    assert found["rms_change_db"] == pytest.approx(gain_db, abs=1e-5)
    assert found["loudness_change_lu"] == pytest.approx(gain_db, abs=1e-5)
    assert found["log_spectral_distance_db"] == pytest.approx(abs(gain_db), abs=1e-4)
    assert found["snr_db"] == pytest.approx(-20 * math.log10(abs(factor - 1)), abs=1e-4)
    assert found["unchanged"] is False


@pytest.mark.parametrize("ratio_db", [-6.0, 0.0, 20.0])
def test_white_noise_at_a_ratio_has_that_ratio(ratio_db):
    audio = chord(2.0)
    noisy = EFFECTS["noise"].build(ratio_db, RATE, seed=1)(audio)
    found = compare(audio, noisy)
    assert found["snr_db"] == pytest.approx(ratio_db, abs=1e-4)
    # Of powers that add, as the two are uncorrelated.
    assert found["rms_change_db"] == pytest.approx(
        10 * math.log10(1 + 10 ** (-ratio_db / 10)), abs=0.05
    )


def test_nothing_changes_in_a_clip_that_comes_back_as_it_was():
    audio = chord(0.5)
    assert compare(audio, audio.copy()) == {
        "snr_db": math.inf,
        "loudness_change_lu": 0.0,
        "rms_change_db": 0.0,
        "log_spectral_distance_db": 0.0,
        "unchanged": True,
    }


def test_another_sign_changes_the_samples_alone():
    audio = chord(1.0)
    found = compare(audio, -audio)
    assert found["snr_db"] == pytest.approx(-20 * math.log10(2))
    others = (found[name] for name in NUMBERS if name != "snr_db")
    assert list(others) == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)


def test_what_is_80_db_under_the_loudest_bin_counts_as_silent():
    original = np.array([[[1.0, 1e-4, 1e-12]]])
    effected = np.array([[[1.0, 1e-12, 0.0]]])
    assert log_spectral_distance(original, effected) == pytest.approx(40 / math.sqrt(3))
    # The mean over windows and channels of the root mean square over bins.
    unequal = np.array([[[1.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]])
    louder = unequal * [[[100.0], [1.0]], [[1.0], [1e4]]]
    assert log_spectral_distance(unequal, louder) == pytest.approx((20 + 0 + 0 + 40) / 4)


def test_silence_and_clips_without_loudness():
    audio = chord(1.0)
    found = compare(audio, np.zeros_like(audio))
    assert math.isnan(found["loudness_change_lu"]) and found["rms_change_db"] == -math.inf
    assert found["snr_db"] == 0.0 and 0 < found["log_spectral_distance_db"] < 80
    found = compare(np.zeros_like(audio), audio)
    assert (found["snr_db"], found["rms_change_db"]) == (-math.inf, math.inf)
    short = audio[:5000]
    assert math.isnan(compare(short, short / 2)["loudness_change_lu"])
    # The shortest clip has one window.
    shortest = noise(0.05)
    found = compare(shortest, shortest / 2)
    assert found["log_spectral_distance_db"] == pytest.approx(20 * math.log10(2), abs=1e-4)


def test_clips_of_two_lengths_are_compared_as_far_as_both_last():
    audio = chord(1.0)
    longer = np.concatenate([audio, audio])
    found = compare(audio, longer)
    assert found["snr_db"] == math.inf and found["log_spectral_distance_db"] == 0.0
    assert found["rms_change_db"] == pytest.approx(0.0, abs=1e-6)
    assert found["unchanged"] is False
    found = compare(longer, audio / 2)
    assert found["snr_db"] == pytest.approx(20 * math.log10(2), abs=1e-4)
    tiny = audio[:1000]
    assert compare(audio, tiny)["snr_db"] == math.inf


@pytest.mark.parametrize("samplerate", [8000, 22050, 48000])
def test_the_window_is_as_long_at_any_rate(samplerate):
    audio = noise(1.0, samplerate)
    found = compare(audio, audio * np.float32(0.5), samplerate)
    assert found["log_spectral_distance_db"] == pytest.approx(20 * math.log10(2), abs=1e-4)


def clip_of(name, label="cello", **fields):
    same = {"path": name, "genre": "", "group": name, "split": "train", "duration_s": 1.0}
    same |= {"samplerate": RATE, "channels": 2, "sha256": "", "frames": RATE, "split_row": 0}
    return Clip(clip=name, label=label, **(same | fields))


def test_at_most_20_clips_a_label_whatever_the_order_and_the_others():
    clips = [clip_of(f"{label}{n}", label) for n in range(30) for label in ("cello", "flute")] + [
        clip_of("oboe1", "oboe")
    ]
    found = choose_sample(clips)
    assert found == choose_sample(clips[::-1]) == sorted(found, key=lambda clip: clip.clip)
    labels = [clip.label for clip in found]
    assert [labels.count(label) for label in ("cello", "flute", "oboe")] == [20, 20, 1]
    assert MAX_CLIPS == 20
    assert {clip.clip for clip in found} != {clip.clip for clip in clips[:41]}
    cello = [clip for clip in clips if clip.label == "cello"]
    assert choose_sample(cello) == [clip for clip in found if clip.label == "cello"]


def row_of(level, label, clip, **numbers):
    texts = dict.fromkeys(NUMBERS, "0.0") | {"unchanged": "0"} | numbers
    return {"level": level, "label": label, "clip": clip, **texts}


def test_means_are_of_finite_values_and_quantiles_of_all():
    ratios = ["10.0", "20.0", "inf", "30.0"]
    rows = [row_of("1", "cello", str(n), snr_db=ratio) for n, ratio in enumerate(ratios)]
    rows[2]["unchanged"] = "1"
    rows += [row_of("1", "oboe", "x")]  # not analysed
    rows += [row_of("1", "flute", "4", snr_db="inf", unchanged="1", loudness_change_lu="")]
    found = {row["label"]: row for row in summarise(rows, ["cello", "flute"])}
    assert set(found) == {"", "cello", "flute"}
    cello = found["cello"]
    names = ("snr_db", "snr_db_q10", "snr_db_q50", "snr_db_q90")
    assert [cello[name] for name in names] == [20.0, 10.0, 20.0, math.inf]
    assert (cello["unchanged"], cello["n_clips"]) == (0.25, 4)
    flute = found["flute"]
    assert [flute[name] for name in names] == [math.inf] * 4 and flute["unchanged"] == 1.0
    assert "loudness_change_lu" not in flute
    assert (found[""]["n_clips"], found[""]["unchanged"]) == (5, 0.4)
    assert found[""]["snr_db"] == 20.0


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Eight clips of two labels, and one in no part of the split."""
    folder, found = tmp_path_factory.mktemp("clips"), []
    for number in range(9):
        path = folder / f"clip{number}.wav"
        soundfile.write(path, chord(0.5 + 0.05 * number, RATE, number), RATE, "PCM_16")
        form = inspect_file(path)
        found.append(
            clip_of(
                path.stem,
                ("cello", "flute")[number % 2],
                path=str(path),
                split="train" if number else "",
                duration_s=form.frames / RATE,
                sha256=form.sha256,
                frames=form.frames,
                split_row=number,
            )
        )
    return found


def compare_by_script(folder, clips, levels, audio=(), protocol=PAPER, name="gain", **entry):
    folder.mkdir(exist_ok=True)
    write_clips(folder / "clips.csv", clips)
    output = folder / f"{name}.csv"
    params = {"effect": name, "entry": entry, "levels": levels, "protocol": protocol}
    given = {"clips": folder / "clips.csv", "audio": list(audio)}
    files = {"input": given, "output": output}
    compare_signals.main(mock_snakemake("compare_signals", **files, params=params))
    with open(output, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("audio", ["pcm16", "float32"])
def test_a_file_of_effected_audio_and_a_rendered_sample_give_the_same(tmp_path, clips, audio):
    """And the neutral level changes nothing, in whatever format the audio is stored."""
    levels, protocol = ["-20.0", "0.0"], {"audio": audio}
    batch = tmp_path / "batch.h5"
    render_batch(clips, EFFECTS["gain"], levels, protocol, batch)
    found = compare_by_script(tmp_path / "a", clips, levels, [batch], protocol)
    assert found == compare_by_script(tmp_path / "b", clips, levels, protocol=protocol)
    assert not list((tmp_path / "b").glob(".*"))
    assert len(found) == 2 * 8 and "clip0" not in {row["clip"] for row in found}
    at = {level: [row for row in found if row["level"] == level] for level in levels}
    assert {(row["unchanged"], row["snr_db"]) for row in at["0.0"]} == {("1", "inf")}
    for row in at["-20.0"]:
        assert row["unchanged"] == "0"
        assert float(row["rms_change_db"]) == pytest.approx(-20, abs=0.01)
        assert float(row["loudness_change_lu"]) == pytest.approx(-20, abs=0.01)
        assert float(row["snr_db"]) == pytest.approx(-20 * math.log10(0.9), abs=0.01)


def test_a_level_that_changes_no_clip_of_a_sample_is_none_of_its_business(tmp_path, clips):
    """The render job refuses it where it changes no clip at all."""
    entry = {"effect": "clipping", "reference": "full_scale"}
    rows = compare_by_script(tmp_path, clips, ["-0.001"], name="clip", **entry)
    assert {row["unchanged"] for row in rows} == {"1"}


def test_the_table_has_the_configs_levels_and_labels(tmp_path, clips):
    files = []
    for name, levels in (("a", ["-20.0", "0.0"]), ("b", ["0.0", "5.0"])):
        compare_by_script(tmp_path / name, clips, levels)
        files.append(tmp_path / name / "gain.csv")
    output = tmp_path / "signal_change.csv"
    params = {"levels": {"gain": ["-20.0", "0.0"]}, "labels": ["cello", "flute"]}
    tabulate_signal_change.main(
        mock_snakemake("tabulate_signal_change", input=files, output=output, params=params)
    )
    with open(output, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["effect"], row["level"], row["label"]) for row in rows] == [
        ("gain", level, label) for level in ("-20.0", "0.0") for label in ("", "cello", "flute")
    ]
    # A level that two files have counts once.
    assert [row["n_clips"] for row in rows] == ["8", "4", "4"] * 2
    assert [row["unchanged"] for row in rows] == ["0.0"] * 3 + ["1.0"] * 3
    assert float(rows[0]["loudness_change_lu"]) == pytest.approx(-20, abs=0.01)


def test_a_clip_that_has_changed_is_refused(tmp_path, clips):
    changed = [replace(clips[1], sha256="0" * 64), *clips[2:]]
    with pytest.raises(InputError, match="has changed since it was indexed"):
        compare_by_script(tmp_path, changed, ["-20.0"])
