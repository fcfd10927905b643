import dataclasses
import itertools
import os
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pedalboard
import pytest
import soundfile
from pedalboard.io import AudioFile
from scipy.signal import cheb2ord, cheby2, sosfilt

import keep_audio
import render_effect
from embedding_sensitivity.clips.audio import AudioBatch, read_clip
from embedding_sensitivity.clips.clip import Clip, in_split, write_clips
from embedding_sensitivity.clips.inspection import inspect_file
from embedding_sensitivity.effects import EFFECTS, rendering
from embedding_sensitivity.effects.entries import choose
from embedding_sensitivity.effects.levels import level_string
from embedding_sensitivity.effects.rendering import render_batch
from embedding_sensitivity.files.errors import InputError
from support import mock_snakemake
from support.effect_contract import level_at

RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "audio"
PAPER = {"reverb_state": "carried", "audio": "pcm16"}
CLEAN = {"reverb_state": "reset", "audio": "float32"}
LEVELS = {
    "gain": ["-40.0", "5.0"],
    "lowpass": ["1600.000", "8000.000"],
    "reverb": ["0.01", "0.50", "1.00"],
    "bitcrush": ["4", "12"],
}


def index_of(path, name, split, row=0):
    found = inspect_file(path)
    return Clip(
        name, str(path), "cello", "", name, split, found.frames / found.samplerate,
        found.samplerate, found.channels, found.sha256, found.frames, row,
    )  # fmt: skip


def make_clips(folder, number=6, channels=2, samplerate=44100, subtype="PCM_16"):
    """An index whose clip ids and paths sort in opposite orders; every third is in no split."""
    rng = np.random.default_rng(1)
    clips = []
    for index in range(number):
        name = f"clip{index}"
        path = folder / f"{number - index:03d}" / f"{name}.wav"
        path.parent.mkdir(parents=True)
        frames = 5000 + 777 * index
        fade = np.linspace(1, 0.2, frames)[:, None]
        soundfile.write(
            path, rng.uniform(-0.9, 0.9, (frames, channels)) * fade, samplerate, subtype
        )
        clips.append(index_of(path, name, ("train", "test", "")[index % 3], index))
    return clips


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return make_clips(tmp_path_factory.mktemp("clips"))


def rendered(clips, effect, levels, protocol, path, **options):
    render_batch(clips, EFFECTS[effect], levels, protocol, path, **options)
    batch = AudioBatch(path)
    assert batch.levels == tuple(levels)
    assert batch.clips == tuple(clip.clip for clip in in_split(clips))
    return [[batch.samples(p, i) for i in range(len(batch.clips))] for p in range(len(levels))]


def assert_equal(ours, expected):
    assert len(ours) == len(expected)
    for of_level, expected_of_level in zip(ours, expected, strict=True):
        for samples, expected_samples in zip(of_level, expected_of_level, strict=True):
            np.testing.assert_array_equal(samples, expected_samples)


def files_of_the_authors(clips, effect, level, folder):
    """What their script does: a board for all files in path order, WAV to WAV by pedalboard."""
    boards = {
        "gain": lambda: pedalboard.Gain(level),
        "reverb": lambda: pedalboard.Reverb(room_size=level),
        "bitcrush": lambda: pedalboard.Bitcrush(level),
    }
    board = pedalboard.Pedalboard([boards[effect]()]) if effect in boards else None
    folder.mkdir()
    for clip in sorted(clips, key=lambda clip: clip.path):
        path = str(folder / f"{clip.clip}.wav")
        with (
            AudioFile(clip.path) as source,
            AudioFile(path, "w", source.samplerate, source.num_channels) as target,
        ):
            if board:
                while source.tell() < source.frames:
                    chunk = source.read(3000)
                    target.write(board(chunk, source.samplerate, reset=False))
            else:
                order, edge = cheb2ord(level / 1.1, level * 1.1, 3, 80, fs=source.samplerate)
                sections = cheby2(order, 80, edge, output="sos", fs=source.samplerate)
                target.write(sosfilt(sections, source.read(source.frames)))
    return [
        soundfile.read(folder / f"{clip.clip}.wav", dtype="int16", always_2d=True)[0]
        for clip in in_split(clips)
    ]


@pytest.mark.parametrize("effect", LEVELS)
@pytest.mark.parametrize(("channels", "samplerate"), [(2, 44100), (1, 22050)])
def test_the_papers_protocol_gives_the_authors_files(tmp_path, effect, channels, samplerate):
    clips = make_clips(tmp_path / "clips", 5, channels, samplerate)
    ours = rendered(clips, effect, LEVELS[effect], PAPER, tmp_path / "batch.h5", threads=2)
    expected = [
        files_of_the_authors(clips, effect, float(level), tmp_path / level)
        for level in LEVELS[effect]
    ]
    assert_equal(ours, expected)


@pytest.mark.parametrize("effect", LEVELS)
def test_the_clean_protocol_is_the_effect_alone(tmp_path, clips, effect):
    ours = rendered(clips, effect, LEVELS[effect], CLEAN, tmp_path / "batch.h5")
    expected = [
        [
            EFFECTS[effect].build(float(level), 44100)(read_clip(clip)).astype(np.float32)
            for clip in in_split(clips)
        ]
        for level in LEVELS[effect]
    ]
    assert_equal(ours, expected)


@pytest.mark.parametrize("effect", LEVELS)
@pytest.mark.parametrize("protocol", [PAPER, CLEAN], ids=["paper", "clean"])
@pytest.mark.parametrize(
    "options",
    [{"threads": 2}, {"threads": 5}, {"samples_per_chunk": 1},
     {"threads": 3, "samples_per_chunk": 1}, {"threads": 2, "samples_per_chunk": 25000}],
    ids=str,
)  # fmt: skip
def test_neither_threads_nor_chunks_change_a_sample(tmp_path, clips, effect, protocol, options):
    one = rendered(clips, effect, LEVELS[effect], protocol, tmp_path / "one.h5")
    other = rendered(clips, effect, LEVELS[effect], protocol, tmp_path / "other.h5", **options)
    assert_equal(other, one)


@pytest.mark.parametrize("effect", [name for name in EFFECTS if EFFECTS[name].needs_seed])
def test_what_is_drawn_depends_on_the_clip_alone(tmp_path, clips, effect):
    levels = [level_at(EFFECTS[effect], share) for share in (0.2, 0.3)]
    both = rendered(clips, effect, levels, PAPER, tmp_path / "both.h5")
    # Which clip is mixed in depends on those that there are.
    first = 0 if EFFECTS[effect].needs_other else 1
    threads = {"threads": 3, "samples_per_chunk": 1}
    fewer = rendered(clips[first:], effect, levels[:1], PAPER, tmp_path / "fewer.h5", **threads)
    assert_equal(fewer, [both[0][first:]])


@pytest.mark.parametrize("effect", LEVELS)
def test_a_batch_is_its_levels_one_by_one(tmp_path, clips, effect):
    batch = rendered(clips, effect, LEVELS[effect], PAPER, tmp_path / "batch.h5", threads=2)
    single = [
        rendered(clips, effect, [level], PAPER, tmp_path / "one.h5")[0] for level in LEVELS[effect]
    ]
    assert_equal(batch, single)


def test_a_carried_reverb_hears_every_clip_in_path_order(tmp_path, clips):
    ours = rendered(clips, "reverb", ["1.00"], {**PAPER, "audio": "float32"}, tmp_path / "a.h5")
    process = EFFECTS["reverb"].build(1.0, 44100)
    heard = {clip.clip: process(read_clip(clip)) for clip in sorted(clips, key=lambda c: c.path)}
    assert_equal(ours, [[heard[clip.clip] for clip in in_split(clips)]])

    split_only = rendered(
        in_split(clips), "reverb", ["1.00"], {**PAPER, "audio": "float32"}, tmp_path / "b.h5"
    )
    assert any(not np.array_equal(a, b) for a, b in zip(ours[0], split_only[0], strict=True)), (
        "the clip outside the split left no tail"
    )


def test_a_clip_is_read_once_however_many_levels(tmp_path, clips, monkeypatch):
    read = []
    monkeypatch.setattr(
        rendering, "read_clip", lambda clip, scale: read.append(clip.clip) or read_clip(clip, scale)
    )
    rendered(clips, "gain", ["-3.0", "0.0", "3.0"], PAPER, tmp_path / "a.h5", threads=2)
    assert sorted(read) == [clip.clip for clip in in_split(clips)]
    read.clear()
    rendered(clips, "reverb", ["0.00", "0.50"], PAPER, tmp_path / "a.h5", threads=2)
    assert sorted(read) == sorted(clip.clip for clip in clips)


@pytest.mark.parametrize("protocol", [PAPER, CLEAN], ids=["carried", "reset"])
def test_no_two_threads_share_the_state_of_an_effect(tmp_path, clips, protocol):
    class Slow:
        def __init__(self, level, samplerate, **options):
            self.lock = threading.Lock()

        def __call__(self, audio):
            assert self.lock.acquire(blocking=False), "another thread is in here"
            time.sleep(0.02)
            self.lock.release()
            return audio / 2

        def reset(self):
            assert not self.lock.locked(), "reset while another thread is in here"

    slow = dataclasses.replace(EFFECTS["reverb"], make=Slow)
    path = tmp_path / "a.h5"
    render_batch(clips, slow, ["0.50"], protocol, path, threads=4, samples_per_chunk=1)


def shifting(level, samplerate, seed=0):
    """Made up: gives back a clip without its first frames, or with more; the seed is added."""
    n = int(level)
    return lambda audio: np.pad(audio, ((max(0, n), 0), (0, 0)))[max(0, -n) :] + seed % 7 / 64


@pytest.mark.parametrize("threads", [1, 4])
def test_a_clips_seed_is_its_own_at_every_level(tmp_path, threads):
    clips = make_clips(tmp_path / "clips", 5)
    seeded = dataclasses.replace(EFFECTS["gain"], make=shifting, needs_seed=True)
    path = tmp_path / "a.h5"
    protocol = {**CLEAN, "audio": "float32"}
    render_batch(clips, seeded, ["0.0", "0.0"], protocol, path, threads, samples_per_chunk=1)
    batch = AudioBatch(path)
    stored = in_split(clips)
    assert len({rendering.seed_of(clip) % 7 for clip in stored}) > 1
    other = dataclasses.replace(stored[0], sha256="0" * 64, path="elsewhere.wav", split_row=9)
    assert rendering.seed_of(other) == rendering.seed_of(stored[0])  # the id alone
    for level, (row, clip) in itertools.product((0, 1), enumerate(stored)):
        offset = rendering.seed_of(clip) % 7 / 64
        np.testing.assert_allclose(batch.clip(level, row), read_clip(clip) + offset, atol=1e-6)


def test_another_length_is_cut_or_padded_where_the_effect_declares_it(tmp_path):
    clips = make_clips(tmp_path / "clips", 2)
    shifted = dataclasses.replace(EFFECTS["gain"], make=shifting, keeps_length=False)
    path = tmp_path / "a.h5"
    render_batch(clips, shifted, ["-3.0", "3.0"], {**CLEAN, "audio": "float32"}, path)
    batch = AudioBatch(path)
    for row, clip in enumerate(in_split(clips)):
        audio = read_clip(clip)
        np.testing.assert_array_equal(batch.clip(0, row), np.pad(audio[3:], ((0, 3), (0, 0))))
        np.testing.assert_array_equal(batch.clip(1, row), np.pad(audio[:-3], ((3, 0), (0, 0))))
    broken = dataclasses.replace(shifted, keeps_length=True, file=tmp_path / "mine.py")
    assert_refused(tmp_path, "mine.py, or declare keeps_length", clips, broken, ["3.0"], CLEAN)


@pytest.mark.parametrize("audio", ["pcm16", "float32"])
@pytest.mark.parametrize("threads", [1, 3])
def test_effected_clips_have_the_length_that_the_effect_says(tmp_path, threads, audio):
    clips = make_clips(tmp_path / "clips", 5)

    def make(level, samplerate):
        return lambda audio: np.repeat(audio, int(level), axis=0) / 2

    def n_frames(level, frames):
        return int(level) * frames

    longer = dataclasses.replace(EFFECTS["gain"], make=make, frames_at=n_frames)
    path = tmp_path / "a.h5"
    protocol = {**CLEAN, "audio": audio}
    render_batch(clips, longer, ["1.0", "3.0"], protocol, path, threads, samples_per_chunk=1)
    batch = AudioBatch(path)
    full_scale = 32767 if audio == "pcm16" else 32768
    for level, (row, clip) in itertools.product((0, 1), enumerate(in_split(clips))):
        expected = np.repeat(read_clip(clip, full_scale), (1, 3)[level], axis=0) / 2
        assert batch.clip(level, row).shape == expected.shape
        np.testing.assert_allclose(batch.clip(level, row), expected, atol=2**-15)
    assert batch.longest_s == 3 * max(clip.frames for clip in in_split(clips)) / 44100
    wrong = dataclasses.replace(longer, frames_at=None)
    assert_refused(tmp_path, "or declare keeps_length=False", clips, wrong, ["3.0"], CLEAN)
    fitted = dataclasses.replace(longer, keeps_length=False, frames_at=lambda level, frames: 100)
    render_batch(clips, fitted, ["3.0"], protocol, path)
    assert AudioBatch(path).clip(0, 0).shape == (100, 2)


@pytest.mark.parametrize("effect", ["gain", "reverb"])
@pytest.mark.parametrize("threads", [1, 3])
def test_only_a_chunk_for_each_thread_is_in_memory(tmp_path, monkeypatch, effect, threads):
    clips = make_clips(tmp_path / "clips", 30)
    alive, most, lock = 0, 0, threading.Lock()

    def freed():
        nonlocal alive
        with lock:
            alive -= 1

    def counted(clip, scale):
        nonlocal alive, most
        audio = read_clip(clip, scale)
        weakref.finalize(audio, freed)
        with lock:
            alive += 1
            most = max(most, alive)
        return audio

    monkeypatch.setattr(rendering, "read_clip", counted)
    rendered(
        clips, effect, LEVELS[effect][:2], PAPER, tmp_path / "a.h5", threads=threads,
        samples_per_chunk=1,
    )  # fmt: skip
    assert 1 <= most <= threads + 1


MADE_UP = {
    "nan": (
        lambda audio: audio * np.nan,
        "at level 3.0, clip clip0: gives samples that are not fi",
    ),
    "infinity": (lambda audio: audio / np.float32(0), "gives samples that are not finite"),
    "beyond float32": (
        lambda audio: audio.astype(float) * 1e300,
        "gives samples that are not finite",
    ),
    "none": (lambda audio: None, "clip clip0: returns NoneType, expected an array of float32 or"),
    "a list": (lambda audio: (audio / 2).tolist(), "returns list, expected an array of float32"),
    "whole numbers": (lambda audio: (audio * 9).astype(int), "returns int64, expected an array"),
    "complex numbers": (lambda audio: audio * 1j, "returns complex64, expected an array"),
    "one channel": (lambda audio: audio[:, :1], r"made \(5000, 1\), expected \(5000, 2\)"),
    "nothing": (lambda audio: audio.copy(), "at level 3.0 every clip comes back as it was: leave"),
}


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("fault", MADE_UP)
def test_what_an_effect_must_not_return_is_refused_in_one_line(tmp_path, clips, fault):
    process, words = MADE_UP[fault]
    effect = dataclasses.replace(EFFECTS["gain"], make=lambda level, samplerate: process)
    assert_refused(tmp_path, words, clips, effect, ["3.0"], CLEAN)


def test_an_effect_cannot_write_into_the_clip_that_all_levels_start_from(tmp_path, clips):
    def make(level, samplerate):
        return lambda audio: np.multiply(audio, level, out=audio)

    effect = dataclasses.replace(EFFECTS["gain"], make=make)
    with pytest.raises(ValueError, match="read-only"):
        render_batch(clips, effect, ["2.0", "3.0"], CLEAN, tmp_path / "a.h5")


def test_one_clip_that_changes_is_enough_and_the_neutral_level_changes_none(tmp_path, clips):
    first = read_clip(in_split(clips)[0])

    def make(level, samplerate):
        return lambda audio: audio / 2 if level and len(audio) == len(first) else audio

    effect = dataclasses.replace(EFFECTS["gain"], make=make)
    render_batch(clips, effect, ["0.0", "3.0"], CLEAN, tmp_path / "a.h5")
    batch = AudioBatch(tmp_path / "a.h5")
    np.testing.assert_array_equal(batch.clip(0, 0), first)
    np.testing.assert_array_equal(batch.clip(1, 0), first / 2)


@pytest.fixture(scope="module")
def long_clips(tmp_path_factory):
    """Three clips of a second, of white noise at a peak of 0.1 at most."""
    folder, found = tmp_path_factory.mktemp("long"), []
    for number, frames in enumerate((44100, 40000, 52000)):
        audio = np.random.default_rng(number).uniform(-0.1, 0.1, (frames, 2))
        soundfile.write(folder / f"clip{number}.wav", audio, 44100)
        found.append(index_of(folder / f"clip{number}.wav", f"clip{number}", "train", number))
    return found


@pytest.mark.parametrize(
    ("effect", "level", "entry"),
    [
        ("limiter", "-10", {}),
        ("clipping", "-6", {"reference": "full_scale"}),
        ("scramble", "5", {}),
        ("packet_loss", "0.0001", {}),
        ("gain", "0.0", {"neutral": None}),
    ],
)
def test_a_level_that_changes_no_clip_is_refused(tmp_path, long_clips, effect, level, entry):
    words = f"effects.{effect}: at level {level} every clip comes back as it was: leave the level"
    assert_refused(tmp_path, words, long_clips, choose(effect, entry), [level], CLEAN)


@pytest.mark.parametrize("effect", [n for n, each in EFFECTS.items() if each.neutral is not None])
@pytest.mark.parametrize("audio", ["float32", "pcm16"])
def test_a_neutral_level_gives_the_clips_themselves(tmp_path, long_clips, effect, audio):
    declared = EFFECTS[effect]
    level = level_string(declared.neutral, declared.decimals, effect)
    render_batch(long_clips, declared, [level], CLEAN | {"audio": audio}, tmp_path / "a.h5")
    batch = AudioBatch(tmp_path / "a.h5")
    # What pedalboard reads of a 16-bit file and writes again is up to one step away.
    step = 0 if audio == "float32" else 1 / 32768
    for row, clip in enumerate(long_clips):
        assert np.abs(batch.clip(0, row) - read_clip(clip)).max() <= step


@pytest.mark.parametrize("threads", [1, 3])
def test_an_effect_that_needs_another_clip_gets_one_of_another_recording(tmp_path, threads):
    clips = [dataclasses.replace(clip, split="train") for clip in make_clips(tmp_path / "clips", 8)]
    clips = [dataclasses.replace(clip, group=str(n // 4)) for n, clip in enumerate(clips)]

    def make(level, samplerate, seed, other):
        return lambda audio: np.full_like(audio, len(other))

    effect = dataclasses.replace(EFFECTS["gain"], make=make, needs_seed=True, needs_other=True)
    path = tmp_path / "a.h5"
    render_batch(clips, effect, ["1.0", "2.0"], CLEAN, path, threads, samples_per_chunk=1)
    batch = AudioBatch(path)
    chosen = rendering.choose_others(clips)
    for row, clip in enumerate(clips):
        other = chosen[clip.clip]
        assert other.group != clip.group
        assert chosen == rendering.choose_others(clips)
        assert chosen != rendering.choose_others(clips, 1)
        for level in (0, 1):
            assert (batch.clip(level, row) == other.frames).all()
    alone = [clip for clip in clips if clip.group == "0"]
    assert_refused(tmp_path, "all clips are of one recording", alone, effect, ["1.0"], CLEAN)


def test_what_an_effect_says_of_a_clip_is_told_with_its_level(tmp_path, clips):
    def make(level, samplerate):
        def process(audio):
            raise InputError("has no such rate")

        return process

    effect = dataclasses.replace(EFFECTS["gain"], make=make)
    words = "^effects.gain: at level 3.0, clip clip0: has no such rate$"
    assert_refused(tmp_path, words, clips, effect, ["3.0"], CLEAN)


def assert_refused(folder, words, *arguments, **options):
    with pytest.raises(InputError, match=words):
        render_batch(*arguments, folder / "out" / "batch.h5", **options)
    assert not (folder / "out").exists() or os.listdir(folder / "out") == []


def test_a_missing_or_changed_clip_leaves_no_file(tmp_path):
    clips = make_clips(tmp_path / "clips")
    path = Path(in_split(clips)[-1].path)
    content = path.read_bytes()
    for threads in (1, 2):
        path.unlink()
        arguments = (clips, EFFECTS["gain"], ["-3.0"], PAPER)
        assert_refused(tmp_path, f"{path.name}: indexed", *arguments, threads=threads)
        path.write_bytes(content[:-2] + b"ab")
        assert_refused(tmp_path, f"{path.name}: the file has changed", *arguments, threads=threads)


def test_what_an_effect_does_not_accept_is_refused_before_rendering(tmp_path, clips):
    for effect, level, words in [
        ("gain", "70.0", "effects.gain: gain 70 dB is outside"),
        ("lowpass", "21000.000", "effects.lowpass: .*half the sample rate"),
    ]:
        assert_refused(tmp_path, words, clips, EFFECTS[effect], [level], PAPER)
    three = make_clips(tmp_path / "three", 2, channels=3)
    assert_refused(tmp_path, "at most 2 channels", three, EFFECTS["reverb"], ["0.50"], PAPER)
    outside = [clip for clip in clips if not clip.split]
    assert_refused(tmp_path, "no clip in the train or test", outside, EFFECTS["gain"], [], PAPER)


@pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="the recordings of shared/audio are not beside the checkout"
)
@pytest.mark.parametrize("effect", LEVELS)
def test_recordings_of_different_lengths_and_formats(tmp_path, effect):
    clips = [index_of(path, path.stem, "train") for path in sorted(RECORDINGS.glob("*.wav"))[:3]]
    level = LEVELS[effect][0]
    ours = rendered(clips, effect, [level], PAPER, tmp_path / "batch.h5", threads=2)
    assert_equal(ours, [files_of_the_authors(clips, effect, float(level), tmp_path / "authors")])


def snakemake_for(tmp_path, clips, output, **params):
    write_clips(tmp_path / "clips.csv", clips)
    files = {"input": {"clips": tmp_path / "clips.csv"}, "output": output}
    params = {"entry": {}, **params}
    return mock_snakemake("render_effect", **files, params=params, threads=2)


def test_the_rendering_script(tmp_path, clips):
    output = tmp_path / "audio" / "batch.h5"
    render_effect.main(
        snakemake_for(tmp_path, clips, output, effect="gain", levels=["-3.0"], protocol=PAPER)
    )
    expected = rendered(clips, "gain", ["-3.0"], PAPER, tmp_path / "expected.h5")
    batch = AudioBatch(output)
    assert_equal([[batch.samples(0, i) for i in range(len(batch.clips))]], expected)


def test_a_level_that_makes_clips_too_short_for_models_is_refused(tmp_path, clips):
    output = tmp_path / "audio" / "batch.h5"
    words = (
        r"^effects.time_stretch: at level 4, clip clip0: lasts 0.0283 s, and models take 0.05 s or "
        "more: leave the level or the clip out$"
    )
    params = {"effect": "time_stretch", "protocol": CLEAN}
    with pytest.raises(InputError, match=words):
        render_effect.main(snakemake_for(tmp_path, clips, output, levels=["2", "4"], **params))
    assert not output.exists()
    render_effect.main(snakemake_for(tmp_path, clips, output, levels=["2"], **params))
    batch, stretch = AudioBatch(output), EFFECTS["time_stretch"]
    for row, clip in enumerate(in_split(clips)):
        assert len(batch.clip(0, row)) == stretch.n_frames(2, clip.frames)


def test_the_script_that_keeps_audio(tmp_path, clips):
    folder = tmp_path / "kept" / "-3.0"
    keep_audio.main(
        snakemake_for(tmp_path, clips, folder, effect="gain", levels=["-3.0"], protocol=PAPER)
    )
    assert os.listdir(tmp_path / "kept") == ["-3.0"]
    expected = rendered(clips, "gain", ["-3.0"], PAPER, tmp_path / "expected.h5")
    kept = [
        soundfile.read(folder / f"{clip.clip}.wav", dtype="int16")[0] for clip in in_split(clips)
    ]
    assert_equal([kept], expected)
    assert len(os.listdir(folder)) == len(kept)
