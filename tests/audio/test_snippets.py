"""What the explorer plays is what models get, as Opus."""

import base64
import io
import json

import av
import numpy as np
import pytest
import soundfile

import render_snippets
from embedding_sensitivity.clips.audio import AudioBatch
from embedding_sensitivity.clips.clip import Clip, write_clips
from embedding_sensitivity.clips.inspection import inspect_file
from embedding_sensitivity.effects.entries import choose
from embedding_sensitivity.effects.rendering import render_batch
from embedding_sensitivity.measures.courses import N_CLIPS, choose_clips
from embedding_sensitivity.page import snippets
from support import mock_snakemake
from support.effect_contract import level_at

RATE = 44100
PROTOCOL = {"reverb_state": "reset", "audio": "float32"}


def make_clips(folder, number=4, seconds=0.5):
    """Test clips of two labels, each a recording of its own, and a training clip of each."""
    rng = np.random.default_rng(0)
    found = []
    for label in ("cello", "flute"):
        for n in range(number + 1):
            path = folder / label / f"{label}{n}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            time = np.arange(round(seconds * RATE)) / RATE
            tone = 0.2 * np.sin(2 * np.pi * (300 + 100 * n) * time)
            audio = tone[:, None] + 0.05 * rng.standard_normal((len(time), 2))
            soundfile.write(path, audio, RATE, "PCM_16")
            header = inspect_file(path)
            split = "test" if n < number else "train"
            found.append(
                Clip(path.stem, str(path), label, "", path.stem, split, seconds, RATE, 2,
                     header.sha256, header.frames, len(found))
            )  # fmt: skip
    return found


def decode(content: bytes) -> np.ndarray:
    with av.open(io.BytesIO(content)) as opened:
        (stream,) = opened.streams.audio
        assert (stream.codec_context.name, opened.format.name) == ("opus", "matroska,webm")
        parts = [frame.to_ndarray() for frame in opened.decode(audio=0)]
    return np.concatenate(parts, axis=1).T


def test_those_that_can_be_heard_have_a_course():
    clips = [
        Clip(f"c{n}", "", "cello", "", f"g{n // 2}", "test", 3.0, RATE, 2, "", 1, 9 - n)
        for n in range(10)
    ]
    chosen = [clip.clip for clip in snippets.choose_sounds(clips, ["cello"], 3)]
    in_order = sorted(clips, key=lambda clip: clip.split_row)
    names, groups = [c.clip for c in in_order], [c.group for c in in_order]
    assert chosen == choose_clips(names, groups)[:3]
    assert len(snippets.choose_sounds(clips, ["cello"], N_CLIPS)) == N_CLIPS
    assert snippets.choose_sounds(clips, ["cello"], 0) == []


@pytest.mark.parametrize(
    ("labels", "levels", "number"),
    [(5, [6, 6, 6], 5), (11, [8, 8, 8], 1), (3, [3], N_CLIPS), (100, [8] * 20, 1)],
)
def test_of_many_labels_and_levels_fewer_clips_are_heard(labels, levels, number):
    found = snippets.count_clips(N_CLIPS, labels, levels)
    assert found == number
    size = found * labels * (1 + sum(levels)) * snippets.MAX_SECONDS * snippets.KBIT_S * 125
    assert size <= snippets.MAX_BYTES or found == 1
    assert snippets.count_clips(0, labels, levels) == 0


def test_levels_heard_have_both_ends():
    assert snippets.choose_levels(["1", "2", "3"]) == ["1", "2", "3"]
    many = [str(n) for n in range(31)]
    found = snippets.choose_levels(many)
    assert len(found) == len(set(found)) == snippets.MAX_LEVELS
    assert (found[0], found[-1]) == ("0", "30") and found == sorted(found, key=int)


@pytest.mark.parametrize("name", ["bitcrush", "lowpass", "reverb", "noise", "mix", "time_stretch"])
def test_samples_are_those_that_models_get(tmp_path, monkeypatch, name):
    """Before they are encoded; of effects with a state, a seed, another clip, another length."""
    clips = make_clips(tmp_path)
    effect = choose(name, {})
    levels = [level_at(effect, share) for share in (0.2, 0.4)]
    render_batch(clips, effect, levels, PROTOCOL, tmp_path / "batch.h5")
    batch = AudioBatch(tmp_path / "batch.h5")
    heard: list[np.ndarray] = []
    monkeypatch.setattr(snippets, "encode_opus", lambda audio, rate: heard.append(audio) or b"")
    chosen = clips[:3]
    found = snippets.render_snippets(clips, chosen, effect, levels, "float32")
    assert {clip: list(sounds) for clip, sounds in found.items()} == {
        clip.clip: levels for clip in chosen
    }
    for n, level in enumerate(levels):
        for m, clip in enumerate(chosen):
            expected = batch.samples(n, batch.clips.index(clip.clip))
            np.testing.assert_array_equal(
                heard[n * len(chosen) + m].astype(np.float32), expected, err_msg=level
            )


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_a_tone_comes_back_as_it_was_at_64_kbit_a_second(channels):
    time = np.arange(3 * RATE) / RATE
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    content = snippets.encode_opus(np.repeat(tone[:, None], channels, axis=1), RATE)
    assert len(content) * 8 / 3 == pytest.approx(1000 * snippets.KBIT_S, rel=0.15)
    decoded = decode(content)
    assert decoded.shape[1] == {1: 1, 2: 2, 5: 1}[channels]
    assert abs(len(decoded) - 3 * snippets.SAMPLERATE) <= 960  # a packet
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(decoded)) / snippets.SAMPLERATE)
    middle = slice(snippets.SAMPLERATE, 2 * snippets.SAMPLERATE)
    for channel in decoded.T:
        error = channel[middle] - expected[middle]
        assert np.linalg.norm(error) < 0.05 * np.linalg.norm(expected[middle])


def test_the_same_sound_is_the_same_bytes():
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)[:, None]
    assert snippets.encode_opus(tone, RATE) == snippets.encode_opus(tone, RATE)


def test_what_is_too_loud_is_clipped():
    loud = 3 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)[:, None]
    assert np.abs(decode(snippets.encode_opus(loud, RATE))).max() < 1.5


def test_a_job_writes_what_the_page_merges(tmp_path):
    clips = make_clips(tmp_path)
    write_clips(tmp_path / "clips.csv", clips)
    paths = []
    for sound, levels in (("original", ["original"]), ("bitcrush", ["4", "9"])):
        paths.append(tmp_path / f"{sound}.json")
        render_snippets.main(
            mock_snakemake(
                "render_snippets",
                {"sound": sound},
                input={"clips": tmp_path / "clips.csv"},
                output=[paths[-1]],
                params={
                    "sound": {"entry": {}, "levels": levels, "identity": ""},
                    **{"labels": ["cello", "flute"], "n_clips": 2},
                    "audio": "pcm16",
                },
            )
        )
    found = snippets.merge(paths, ["gain"])
    assert found["gains"] == ["gain"] and len(found["content"]) == 4 * (1 + 2)
    assert {each["label"] for each in found["clips"].values()} == {"cello", "flute"}
    for effect, levels in (("original", ["original"]), ("bitcrush", ["4", "9"])):
        for clip in found["clips"]:
            assert list(found["places"][effect][clip]) == levels
    # Another sound at each place, and each decodes to the clip's length.
    assert len(set(found["content"])) == len(found["content"])
    for content in found["content"]:
        audio = decode(base64.b64decode(content))
        assert abs(len(audio) / snippets.SAMPLERATE - 0.5) < 0.021 and np.abs(audio).max() > 0.05
    assert json.loads(paths[0].read_text(encoding="utf-8"))["clips"] == found["clips"]
    assert snippets.merge([], []) is None
