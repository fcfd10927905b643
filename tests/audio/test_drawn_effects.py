"""Effects that draw random numbers, against closed forms."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import fftconvolve

from embedding_sensitivity.effects import EFFECTS
from embedding_sensitivity.effects.entries import choose
from embedding_sensitivity.effects.own_audio import list_files, read_one
from embedding_sensitivity.files.errors import InputError
from support.effect_contract import drawn_for

SAMPLERATE = 44100


def noise(frames, channels=2, seed=0, peak=0.3):
    rng = np.random.default_rng(seed)
    return rng.uniform(-peak, peak, (frames, channels)).astype(np.float32)


def ratio_db(audio, added):
    power, other = (np.mean(np.square(each, dtype=float)) for each in (audio, added))
    return 10 * np.log10(power / other)


def correlation(first, second):
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def build(name, level, seed=1, samplerate=SAMPLERATE, **entry):
    other = {"other": entry.pop("other")} if "other" in entry else {}
    return choose(name, entry).build(level, samplerate, seed=seed, **other)


@pytest.fixture
def folder(tmp_path):
    """Two recordings of other forms than the clip's, in two folders."""
    (tmp_path / "inner").mkdir()
    soundfile.write(tmp_path / "b.wav", noise(60000, 1, seed=5), 22050, subtype="FLOAT")
    soundfile.write(tmp_path / "inner/a.flac", noise(500, 1, seed=6), SAMPLERATE)
    return tmp_path


@pytest.mark.parametrize("name", [name for name, effect in EFFECTS.items() if effect.needs_seed])
def test_a_seed_gives_the_same_bytes_and_another_others(name):
    effect, audio = EFFECTS[name], noise(SAMPLERATE)
    level = {"scramble": 0.1, "mix": 0.0}.get(name, sum(effect.range) / 2)
    drawn = drawn_for(effect, audio)
    first, again, another = (
        effect.build(level, SAMPLERATE, **{**drawn, "seed": seed})(audio) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert name == "mix" or not np.array_equal(first, another)


@pytest.mark.parametrize("entry", [{}, {"color": "pink"}, {"noises": "recordings"}])
@pytest.mark.parametrize("level", [-10.0, 0.0, 37.5])
def test_noise_has_its_ratio_and_is_one_at_all_levels(entry, level, folder):
    entry = {**entry, **({"noises": str(folder)} if "noises" in entry else {})}
    audio = noise(50000)
    added, reference = (build("noise", each, **entry)(audio) - audio for each in (level, -20.0))
    assert ratio_db(audio, added) == pytest.approx(level, abs=0.01)
    assert correlation(added, reference) > 0.999


def test_white_noise_is_flat_and_pink_noise_has_the_same_power_in_each_octave():
    audio = noise(2**18)
    frequency = np.fft.rfftfreq(len(audio), 1 / SAMPLERATE)
    for color, slope in (("white", 10 * np.log10(2)), ("pink", 0.0)):
        added = build("noise", -60.0, color=color)(audio) - audio
        power = np.abs(np.fft.rfft(added, axis=0)) ** 2
        octaves = [
            10 * np.log10(power[(low <= frequency) & (frequency < 2 * low)].sum())
            for low in 100 * 2.0 ** np.arange(7)
        ]
        np.testing.assert_allclose(np.diff(octaves), slope, atol=0.5)
        assert abs(correlation(added[:, 0], added[:, 1])) < 0.05


def test_own_noise_is_a_part_of_a_recording(tmp_path):
    recording = noise(60000, 1, seed=5)
    soundfile.write(tmp_path / "a.wav", recording, SAMPLERATE, subtype="FLOAT")
    audio = noise(20000)
    for path in (tmp_path, tmp_path / "a.wav"):
        added = (build("noise", -40.0, noises=str(path))(audio) - audio).astype(float)
        np.testing.assert_allclose(added[:, 0], added[:, 1], atol=1e-3)  # a copy in each channel
        likeness = fftconvolve(recording[:, 0], added[::-1, 0], mode="valid")
        start = int(np.argmax(likeness))
        assert correlation(recording[start : start + 20000, 0], added[:, 0]) > 0.9999


def test_clips_are_dealt_all_of_a_folders_recordings(folder):
    shapes = [
        read_one(str(folder), np.random.default_rng(seed), SAMPLERATE, 2).shape
        for seed in range(12)
    ]
    assert set(shapes) == {(120000, 2), (500, 2)}


def test_only_what_is_hidden_within_a_folder_is_left_out(tmp_path, monkeypatch):
    """A folder may be named from the one beside it, or lie in a hidden one."""
    recordings = tmp_path / ".data" / "recordings"
    recordings.mkdir(parents=True)
    (recordings / "a.wav").write_bytes(b"recording")
    (recordings / ".hidden").write_bytes(b"nothing")
    assert list_files(str(recordings)) == [recordings / "a.wav"]
    (tmp_path / ".data" / "run").mkdir()
    monkeypatch.chdir(tmp_path / ".data" / "run")
    assert list_files("../recordings") == [Path("../recordings/a.wav")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "has no files: put recordings there"),
        (
            {"a.wav": b"nothing"},
            r"a\.wav: cannot be used \(Format not recognised\.\): remove it from the folder",
        ),
        ({"silence.wav": 1000}, "is silent, so that no gain gives the ratio"),
    ],
)
def test_a_folder_that_cannot_be_used_is_named(tmp_path, content, message):
    for file, what in content.items():
        if isinstance(what, bytes):
            (tmp_path / file).write_bytes(what)
        else:
            soundfile.write(tmp_path / file, np.zeros(what), SAMPLERATE)
    with pytest.raises(InputError, match=message) as raised:
        build("noise", 0.0, noises=str(tmp_path))(noise(2000))
    assert "\n" not in str(raised.value)


def test_a_recording_that_is_cut_short_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(2000), SAMPLERATE)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"a\.wav: cannot be used \(is cut short: .*\): remove it"):
        build("noise", 0.0, noises=str(path))(noise(2000))


def test_packets_are_lost_whole_and_stay_lost():
    audio = np.ones((60 * SAMPLERATE, 1), np.float32)
    lost = []
    for level in (1.0, 10.0, 30.0):
        effected = build("packet_loss", level)(audio)
        assert set(np.unique(effected)) == {0, 1}
        packets = effected[:, 0].reshape(3000, 882)  # of 20 ms
        assert not np.ptp(packets, axis=1).any()
        share = 100 * np.mean(packets[:, 0] == 0)
        assert share == pytest.approx(level, abs=4 * np.sqrt(level * (100 - level) / 3000))
        lost.append(set(np.flatnonzero(packets[:, 0] == 0)))
    assert lost[0] < lost[1] < lost[2]
    assert not build("packet_loss", 100.0)(audio).any()
    longer = build("packet_loss", 30.0, packet_ms=100)(audio)[:, 0].reshape(600, 4410)
    assert not np.ptp(longer, axis=1).any()


@pytest.mark.parametrize("frames", [3000, 50000, 70000])
@pytest.mark.parametrize("level", [-20.0, 0.0, 12.5])
def test_a_mixture_has_its_ratio_of_powers(level, frames):
    audio, other = noise(50000), noise(frames, seed=3, peak=0.01)
    added = build("mix", level, other=other)(audio) - audio
    assert ratio_db(audio, added) == pytest.approx(level, abs=0.01)
    expected = np.tile(other, (20, 1))[:50000]
    assert correlation(added, expected) > 0.999


def test_a_silent_clip_is_not_mixed_in():
    with pytest.raises(InputError, match="the clip that is mixed in is silent"):
        build("mix", 0.0, other=noise(5, peak=0))(noise(50))


@pytest.mark.parametrize(("level", "n_segments"), [(0.1, 30), (0.5, 6), (1.5, 2), (3.0, 1)])
def test_segments_are_all_there_and_all_elsewhere(level, n_segments):
    audio = np.arange(3 * SAMPLERATE, dtype=np.float32)[:, None]
    segments = audio.reshape(n_segments, -1)
    for seed in range(5):
        effected = build("scramble", level, seed)(audio).reshape(n_segments, -1)
        order = effected[:, 0].argsort()
        np.testing.assert_array_equal(effected[order], segments)
        assert n_segments == 1 or not (order == np.arange(n_segments)).any()


def test_segments_of_any_length_lose_no_sample():
    audio = noise(10007)
    effected = build("scramble", 0.03)(audio)
    np.testing.assert_array_equal(np.sort(effected, axis=0), np.sort(audio, axis=0))


def impulse(seconds=1.0, channels=2):
    audio = np.zeros((round(seconds * SAMPLERATE), channels), np.float32)
    audio[0] = 1
    return audio


def fit_rt60(response):
    """Schroeder's backward integral, fitted from -5 to -35 dB (ISO 3382-1: T30)."""
    decay = np.cumsum(np.square(response[::-1], dtype=float))[::-1]
    decay = 10 * np.log10(decay / decay[0])
    inside = np.flatnonzero((decay <= -5) & (decay >= -35))
    return -60 / np.polyfit(inside / SAMPLERATE, decay[inside], 1)[0]


@pytest.mark.parametrize("rt60", [0.1, 0.2, 0.5, 1.0, 3.0])
def test_reverberation_decays_by_60_db_in_its_time(rt60):
    for seed in range(4):
        effected = build("reverberation", rt60, seed)(impulse(1.5 * rt60))
        for channel in (effected - impulse(1.5 * rt60)).T:
            assert fit_rt60(channel) == pytest.approx(rt60, rel=0.05)


def test_the_tail_has_its_energy_and_is_one_noise_at_all_levels():
    audio = impulse(3)
    tails = {
        rt60: build("reverberation", rt60, direct_to_reverberant_db=6)(audio) - audio
        for rt60 in (0.25, 1.0, 2.0)
    }
    for rt60, tail in tails.items():
        energy = np.sum(np.square(tail, dtype=float), axis=0)
        np.testing.assert_allclose(10 * np.log10(energy), 10 * np.log10(rt60) - 6, atol=0.5)
    start = slice(0, 200)  # the decay has barely begun
    assert correlation(tails[0.25][start], tails[2.0][start]) > 0.99
    assert abs(correlation(tails[1.0][:, 0], tails[1.0][:, 1])) < 0.05


def test_the_wet_share_crosses_to_the_convolved_clip(tmp_path):
    response = noise(2000, 1, seed=8, peak=0.1) * np.exp(-np.arange(2000) / 300)[:, None]
    response[0] = 1
    late = np.concatenate([np.zeros((150, 1)), response]).astype(np.float32)
    soundfile.write(tmp_path / "room.wav", late, SAMPLERATE, subtype="FLOAT")
    audio = noise(20000)
    direct = response / np.sqrt(np.sum(response**2))
    wet = fftconvolve(audio.astype(float), direct, axes=0)[: len(audio)]
    for level in (0.2, 0.5, 1.0):
        effected = build("impulse_response", level, impulse_responses=str(tmp_path))(audio)
        np.testing.assert_allclose(effected, (1 - level) * audio + level * wet, atol=1e-5)


def test_without_a_folder_the_room_is_made():
    response = build("impulse_response", 1.0, rt60=0.8)(impulse(2))
    assert fit_rt60(response[:, 0]) == pytest.approx(0.8, rel=0.05)
    np.testing.assert_allclose(np.sum(response.astype(float) ** 2), 2, rtol=1e-5)
