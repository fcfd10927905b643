import csv
import re
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

import render_demo_clips
from embedding_sensitivity.clips.demo_music import (
    BANDS,
    CLIP_S,
    POLYPHONIC,
    PRESETS,
    REGISTER,
    Note,
    Track,
    compose,
    demo_clips,
)
from embedding_sensitivity.clips.demo_synthesis import SAMPLERATE, Player, find_soundfont, render
from embedding_sensitivity.clips.irmas import GENRES, LABELS, parse_name
from embedding_sensitivity.files.errors import InputError
from support import mock_snakemake

SCRIPTS = Path(render_demo_clips.__file__).parent
ALL = list(LABELS.values())
SEED = 20220419


@pytest.fixture(scope="module")
def player():
    return Player(find_soundfont())


def sound(player, clip, seed=SEED, accompaniment_db=-7.0):
    return render(player, compose(clip, seed, accompaniment_db, 3.0))


def run_rule(folder, **changes):
    demo = {
        "labels": ["cello", "violin"],
        "train": 3,
        "test": 1,
        "parts_per_group": 2,
        "seed": SEED,
        "accompaniment_db": -7.0,
        "accompaniment_spread_db": 3.0,
    } | changes
    keys = ("labels", "train", "test", "parts_per_group", "seed")
    clips = demo_clips(*(demo[key] for key in keys))
    render_demo_clips.main(
        mock_snakemake(
            "render_demo_clips",
            params={"demo": demo, "identity": "01234567"},
            output={
                "clips": [folder / "clips" / clip.file_name for clip in clips],
                "split": folder / "split.csv",
                "identity": folder / "identity",
            },
        )
    )
    return {path.name: path.read_bytes() for path in (folder / "clips").iterdir()}


def test_names_say_what_the_clip_is():
    for clip in demo_clips(ALL, 24, 8, 2, SEED):
        assert parse_name(clip.clip) == (clip.label, clip.genre, clip.group)
        assert clip.file_name == f"{clip.clip}.wav"
        assert clip.clip.endswith(f"__{clip.part}")
        assert re.fullmatch(r"\[[a-z]{3}\]\[[a-z_]+\]\d{4}__\d", clip.clip)


@pytest.mark.parametrize("parts_per_group", [1, 2, 3, 4])
def test_each_label_has_as_many_clips_as_asked_for(parts_per_group):
    clips = demo_clips(ALL, 24, 8, parts_per_group, SEED)
    assert len({clip.clip for clip in clips}) == len(clips)
    for label in ALL:
        splits = [clip.split for clip in clips if clip.label == label]
        assert (splits.count("train"), splits.count("test")) == (24, 8)
    by_group = {}
    for clip in clips:
        by_group.setdefault(clip.group, []).append(clip)
    assert max(len(group) for group in by_group.values()) == parts_per_group
    for group in by_group.values():
        # One recording is of one label and genre, and never on both sides of the split.
        assert len({(clip.label, clip.genre, clip.split) for clip in group}) == 1


def test_a_larger_demo_holds_the_smaller_one():
    small = set(demo_clips(["violin", "cello"], 8, 2, 2, SEED))
    assert small <= set(demo_clips(ALL, 40, 12, 2, SEED))


def test_another_seed_names_other_genres():
    assert demo_clips(ALL, 24, 8, 2, 1) != demo_clips(ALL, 24, 8, 2, 2)


def test_every_genre_is_in_a_labels_training_set():
    clips = demo_clips(ALL, 24, 8, 2, SEED)
    for label in ALL:
        assert {c.genre for c in clips if (c.label, c.split) == (label, "train")} == set(
            GENRES.values()
        )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((["cello", "kazoo"], 4, 2, 2, 0), ["data.labels", "kazoo", "clarinet"]),
        ((["cello", "cello"], 4, 2, 2, 0), ["data.labels", "cello", "more than once"]),
        ((["cello"], 0, 2, 2, 0), ["data.train", "0", "at least 1"]),
        ((["cello"], 4, 0, 2, 0), ["data.test", "0", "at least 1"]),
        ((["cello"], 4, 2, 0, 0), ["data.parts_per_group", "0", "at least 1"]),
        ((["voice"], 4, 1000, 1, 0), ["data.test", "voice", "9999", "parts_per_group"]),
    ],
)
def test_bad_input_is_one_line_with_its_key_and_remedy(arguments, words):
    with pytest.raises(InputError) as error:
        demo_clips(*arguments)
    assert all(word in str(error.value) for word in words)


def test_listing_the_clips_needs_the_standard_library_only():
    code = (
        "import sys; before = set(sys.modules); import embedding_sensitivity.clips.demo_music; "
        "names = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(names - set(sys.stdlib_module_names) - {'embedding_sensitivity'})"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "set()"


def test_the_soundfont_has_every_program_that_is_used(player):
    programs = {program for presets in PRESETS.values() for program, _, _ in presets}
    programs |= {program for band in BANDS.values() for program in band.chords + band.bass}
    assert [program for program in programs if not player.has_program(program)] == []
    assert all(player.has_program(band.kit, drums=True) for band in BANDS.values())
    assert not player.has_program(1, drums=True)


@pytest.mark.parametrize("label", ALL)
def test_every_key_of_an_instruments_range_sounds(player, label):
    for program, low, high in PRESETS[label]:
        assert high - low >= REGISTER
        for key in range(low, high + 1):
            note = Note(0.0, 0.2, key, 80)
            audio = player.play((Track(program, 0.5, (note,)),), 0.0, 0.2)
            assert np.abs(audio).max() > 1e-3, (program, key)


@pytest.mark.parametrize("label", ALL)
def test_melodies_stay_in_the_range_and_a_monophonic_one_has_one_note_at_a_time(label):
    for clip in demo_clips([label], 24, 8, 2, SEED):
        music = compose(clip, SEED, -7.0, 3.0)
        ranges = {program: (low, high) for program, low, high in PRESETS[label]}
        low, high = ranges[music.lead.program]
        assert all(low <= note.key <= high for note in music.lead.notes)
        for track in (music.lead, *music.accompaniment):
            assert 0 <= track.pan <= 1
            assert all(0 < note.velocity < 128 for note in track.notes)
        if label not in POLYPHONIC:
            starts = [note.start_s for note in music.lead.notes]
            ends = [note.start_s + note.duration_s for note in music.lead.notes]
            # Players are up to 15 ms off the beat.
            assert all(a <= b + 0.015 for a, b in zip(ends[:-1], starts[1:], strict=True))


def test_parts_of_a_recording_share_players_and_mix_but_not_the_passage():
    first, second = demo_clips(["flute"], 2, 1, 2, SEED)[:2]
    one, two = (compose(clip, SEED, -7.0, 3.0) for clip in (first, second))
    for shared in ("accompaniment_db", "peak_dbfs", "tuning"):
        assert getattr(one, shared) == getattr(two, shared)
    players = [
        [(track.program, track.pan) for track in (music.lead, *music.accompaniment)]
        for music in (one, two)
    ]
    assert players[0] == players[1]
    assert one.lead.notes != two.lead.notes


def test_the_accompaniments_level_is_the_one_asked_for():
    levels = [
        compose(clip, SEED, -7.0, 3.0).accompaniment_db for clip in demo_clips(ALL, 24, 8, 2, SEED)
    ]
    assert -10 <= min(levels) < -9 and -5 < max(levels) <= -4
    assert np.mean(levels) == pytest.approx(-7, abs=0.5)


@pytest.mark.parametrize("label", ALL)
def test_a_clip_is_three_seconds_of_sound_that_never_reaches_full_scale(player, label):
    for clip in demo_clips([label], 2, 1, 1, SEED):
        audio = sound(player, clip)
        assert audio.shape == (3 * SAMPLERATE, 2) and audio.dtype == np.int16
        assert np.abs(audio.astype(int)).max() <= 32768 * 10 ** (-3 / 20)
        halves = audio.reshape(6, -1).astype(float) / 32768
        assert (20 * np.log10(np.sqrt(np.mean(halves**2, axis=1))) > -50).all()
        assert (audio[:, 0] != audio[:, 1]).any()


def test_a_quieter_accompaniment_leaves_the_lead_alone_in_the_limit(player):
    clip = demo_clips(["trumpet"], 1, 1, 1, SEED)[0]
    music = compose(clip, SEED, -200.0, 0.0)
    end_s = music.start_s + CLIP_S
    lead = player.play((music.lead,), music.tuning, end_s)[-round(CLIP_S * SAMPLERATE) :]
    expected = lead / np.abs(lead).max() * 10 ** (music.peak_dbfs / 20) * 32768
    assert np.abs(render(player, music) - expected).max() <= 1


def test_a_note_has_the_pitch_of_its_key(player):
    track = Track(73, 0.5, (Note(0.0, 1.0, 81, 90),))  # a flute's A5
    for tuning in (0.0, 1.0):
        audio = player.play((track,), tuning, 1.0).sum(axis=1)
        peak_hz = np.abs(np.fft.rfft(audio)).argmax()  # one bin is 1 Hz
        assert peak_hz == pytest.approx(880 * 2 ** (tuning / 12), rel=0.01)


def test_a_program_that_the_soundfont_lacks_is_refused(player):
    with pytest.raises(ValueError, match="no preset"):
        player.play((Track(1, 0.5, (), drums=True),), 0.0, 0.1)


def test_what_was_played_before_leaves_no_trace(player):
    clips = demo_clips(ALL, 1, 1, 1, SEED)
    forward = [sound(player, clip) for clip in clips]
    backward = [sound(player, clip) for clip in reversed(clips)][::-1]
    alone = sound(Player(find_soundfont()), clips[-1])
    assert all(np.array_equal(a, b) for a, b in zip(forward, backward, strict=True))
    assert np.array_equal(alone, forward[-1])


def test_another_seed_plays_other_music(player):
    clip = demo_clips(["piano"], 1, 1, 1, SEED)[0]
    assert not np.array_equal(sound(player, clip), sound(player, clip, seed=SEED + 1))


def test_same_seed_same_bytes_whatever_else_is_asked_for(tmp_path):
    files = run_rule(tmp_path / "a")
    assert files == run_rule(tmp_path / "b")
    more = run_rule(tmp_path / "c", labels=["violin", "piano", "cello"], train=4, test=2)
    assert files.items() < more.items()


def test_the_files_are_as_irmas_has_them(tmp_path):
    files = run_rule(tmp_path)
    assert len(files) == 8
    for name in files:
        with wave.open(str(tmp_path / "clips" / name), "rb") as file:
            assert file.getparams()[:4] == (2, 2, 44100, 3 * 44100)


def test_the_split_has_the_form_of_the_published_one(tmp_path):
    files = run_rule(tmp_path)
    with open(tmp_path / "split.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["instrument", "genre", "file_name", "split"]
    assert {f"{row['file_name']}.wav" for row in rows} == set(files)
    assert [row["split"] for row in rows] == ["train"] * 6 + ["test"] * 2
    for row in rows:
        assert parse_name(row["file_name"])[:2] == (row["instrument"], row["genre"])


def test_outputs_that_are_not_the_configs_are_refused(tmp_path):
    demo = {"labels": ["cello"], "train": 1, "test": 1, "parts_per_group": 1, "seed": 0}
    snakemake = mock_snakemake(
        "render_demo_clips",
        params={"demo": demo},
        output={"clips": [tmp_path / "x.wav"], "split": tmp_path / "split.csv"},
    )
    with pytest.raises(ValueError, match="not the clips of the config"):
        render_demo_clips.main(snakemake)
    assert list(tmp_path.iterdir()) == []
