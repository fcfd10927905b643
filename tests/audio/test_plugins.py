"""Pedalboard's plugins as a config names them: what the table says of each is measured."""

import inspect
import re

import numpy as np
import pedalboard
import pytest
import soundfile

from embedding_sensitivity.clips.audio import AudioBatch, read_clip
from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.clips.inspection import inspect_file
from embedding_sensitivity.effects.entries import choose
from embedding_sensitivity.effects.levels import level_string
from embedding_sensitivity.effects.plugin_table import PLUGINS, REFUSED
from embedding_sensitivity.effects.rendering import render_batch

SAMPLERATE = 44100
SWEPT = [(name, key) for name, plugin in PLUGINS.items() for key in plugin.parameters]


# What makes a plugin heard that does nothing, or nothing to these clips, with its defaults.
BAND = {"gain_db": 6.0}
AUDIBLE = {
    "BrickwallLimiter": {"ceiling_db": -20.0}, "Compressor": {"threshold_db": -40.0, "ratio": 4.0},
    "HighShelfFilter": BAND, "LowShelfFilter": BAND, "PeakFilter": BAND,
    "NoiseGate": {"threshold_db": -30.0},
}  # fmt: skip


def noise(frames=8820, channels=2, seed=0):
    rng = np.random.default_rng(seed)
    return np.asfortranarray(rng.uniform(-0.3, 0.3, (frames, channels)), np.float32)


def effect_of(plugin, vary, **options):
    return choose("mine", {"plugin": plugin, "vary": vary, **options})


def audible(plugin, vary):
    """A plugin that changes a clip whatever varies."""
    options = {key: value for key, value in AUDIBLE.get(plugin, {}).items() if key != vary}
    return effect_of(plugin, vary, **options)


def levels_of(parameter):
    """The ends of the range and two between, as a config could name them."""
    low, high = parameter.range
    if parameter.below_nyquist:
        high = SAMPLERATE / 2 - 1
    shares = np.array([0, 0.3, 0.7, 1])
    if parameter.scale == "log":
        values = low * (high / low) ** shares
    else:
        values = low + (high - low) * shares
    return [float(level_string(f"{value:.5g}", None, "x")) for value in values]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Three clips of a fifth of a second that die away, as the index has them."""
    folder, found = tmp_path_factory.mktemp("clips"), []
    for number in range(3):
        path = folder / f"clip{number}.wav"
        decay = np.logspace(0, -4, 8820 + number)[:, None]
        audio = noise(len(decay), seed=number) * decay
        soundfile.write(path, audio, SAMPLERATE, subtype="FLOAT")
        seen = inspect_file(path)
        found.append(
            Clip(path.stem, str(path), "cello", "", path.stem, "train", 0.2, SAMPLERATE, 2,
                 seen.sha256, seen.frames, number)
        )  # fmt: skip
    return found


def process(effect, level, audio):
    return effect.build(level, SAMPLERATE)(audio)


def lag_of(effected, audio):
    """Of the strongest correlation, in samples."""
    n = 2 * len(audio)
    spectra = np.fft.rfft(effected[:, 0], n) * np.conj(np.fft.rfft(audio[:, 0], n))
    found = int(np.argmax(np.abs(np.fft.irfft(spectra))))
    return found - n if found > n // 2 else found


def test_every_plugin_of_pedalboard_is_in_the_table_or_refused_with_a_reason():
    found = {
        name
        for name, each in vars(pedalboard).items()
        if inspect.isclass(each) and issubclass(each, pedalboard.Plugin) and name[0] != "_"
    }
    known = {*PLUGINS, *REFUSED, "Plugin", "PluginContainer"}
    assert found <= known
    assert known - found <= {"AudioUnitPlugin"}  # of macOS alone


@pytest.mark.parametrize("name", PLUGINS)
def test_the_options_are_pedalboards_own_with_their_defaults(name):
    plugin = PLUGINS[name]
    signature = getattr(pedalboard, name).__init__.__doc__.split("\n")[0]
    found = dict(re.findall(r"(\w+): [\w.]+ = <?([\w.+-]+)", signature))
    assert set(plugin.options) == set(found)
    assert set(plugin.parameters) <= set(found) and set(plugin.choices) <= set(found)
    for key, default in found.items():
        option = plugin.options[key]
        if key in plugin.choices:
            assert default.split(".")[-1] == option and option in plugin.choices[key]
        else:
            assert str(option) == default or float(option) == float(default)
    for key, words in plugin.choices.items():
        made_by = getattr(pedalboard, name).Mode if key == "mode" else pedalboard.Resample.Quality
        assert set(words) <= set(made_by.__members__)


@pytest.mark.parametrize(("name", "vary"), SWEPT)
def test_any_level_in_the_range_gives_finite_audio_without_a_lag(name, vary):
    """Each time the same, from silence, in the clip's shape; the clip itself is left alone."""
    effect = audible(name, vary)
    audio = noise()
    before = audio.copy()
    for level in levels_of(effect.level):
        assert effect.find_fault(level, SAMPLERATE, 2) is None
        build = effect.build(level, SAMPLERATE)
        effected = build(audio)
        assert effected.shape == audio.shape and np.isfinite(effected).all()
        np.testing.assert_array_equal(audio, before)
        build(noise(seed=1))
        np.testing.assert_array_equal(build(audio), effected)
        np.testing.assert_array_equal(process(effect, level, audio), effected)


@pytest.mark.parametrize(("name", "vary"), SWEPT)
def test_every_parameter_is_swept_as_a_job_renders_it(name, vary, clips, tmp_path):
    """Two levels of three clips, of which a batch has what the plugin makes of each by itself."""
    effect = audible(name, vary)
    levels = [f"{level:g}" for level in levels_of(effect.level)[1:3]]
    path = tmp_path / "batch.h5"
    render_batch(clips, effect, levels, {"reverb_state": "carried", "audio": "float32"}, path)
    batch = AudioBatch(path)
    for index, level in enumerate(levels):
        for row, clip in enumerate(clips):
            expected = process(effect, float(level), read_clip(clip))
            np.testing.assert_array_equal(batch.clip(index, row), expected)


NEUTRAL = [each for each in SWEPT if PLUGINS[each[0]].parameters[each[1]].neutral is not None]


@pytest.mark.parametrize(("name", "vary"), NEUTRAL)
def test_the_neutral_level_returns_the_clip(name, vary):
    effect = effect_of(name, vary)
    audio = noise()
    np.testing.assert_allclose(process(effect, effect.neutral, audio), audio, atol=1e-6)


# Near its mild end, or what leaves most of a clip as it was.
NEARLY_AS_IT_WAS = {
    "Chorus": ("mix", 0.2), "Delay": ("mix", 0.2), "GSMFullRateCompressor": None,
    "HighpassFilter": ("cutoff_frequency_hz", 100.0), "Invert": None,
    "LadderFilter": ("cutoff_hz", 18000.0), "LowpassFilter": ("cutoff_frequency_hz", 18000.0),
    "Phaser": ("mix", 0.2), "Resample": ("target_sample_rate", 22050.0),
    "Reverb": ("dry_level", 1.0), "MP3Compressor": ("vbr_quality", 5.0),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name, each in PLUGINS.items() if each.parameters])
def test_nothing_of_a_clip_comes_later_than_it_was(name):
    plugin = PLUGINS[name]
    default = next(iter(plugin.parameters)), None
    vary, level = NEARLY_AS_IT_WAS.get(name) or default
    effect = effect_of(name, vary)
    level = level if level is not None else levels_of(effect.level)[1]
    audio = noise(44100)
    lag = lag_of(process(effect, level, audio), audio)
    assert (abs(lag) > 1) == plugin.smears


@pytest.mark.parametrize("name", [name for name, each in PLUGINS.items() if each.parameters])
def test_channels_are_coupled_where_the_table_says_so(name):
    plugin = PLUGINS[name]
    effect = effect_of(name, next(iter(plugin.parameters)))
    level = levels_of(effect.level)[1]
    louder, equal = noise(44100), noise(44100)
    louder[:, 1] *= 3
    equal[:, 1] = equal[:, 0]
    coupled = [
        not np.allclose(
            process(effect, level, audio)[:, :1], process(effect, level, audio[:, :1]), atol=1e-5
        )
        for audio in (louder, equal)
    ]
    assert any(coupled) == plugin.coupled
    three = noise(4410, 3)
    assert effect.find_fault(level, SAMPLERATE, 2) is None
    refused = effect.find_fault(level, SAMPLERATE, 3)
    if plugin.max_channels:
        assert "at most 2 channels, the clips have 3" in refused
        return
    effected = process(effect, level, three)
    assert refused is None and effected.shape == three.shape
    if not plugin.coupled:
        for channel in range(3):
            alone = process(effect, level, three[:, channel : channel + 1])
            np.testing.assert_allclose(effected[:, channel : channel + 1], alone, atol=1e-5)


def test_a_gain_a_clipping_and_a_distortion_are_their_formulas():
    audio = noise()
    for plugin, vary, level, expected in [
        ("Gain", "gain_db", -6.0, audio * 10 ** (-6 / 20)),
        ("Clipping", "threshold_db", -20.0, np.clip(audio, -0.1, 0.1)),
        ("Distortion", "drive_db", 12.0, np.tanh(audio * 10 ** (12 / 20))),
        ("Bitcrush", "bit_depth", 5.0, np.rint(audio * 32) / 32),
    ]:
        found = process(effect_of(plugin, vary), level, audio)
        np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize("ratio", [1.0, 2.0, 8.0])
def test_a_compressor_has_its_static_curve(ratio):
    """A constant input, far above the threshold, once the attack is over."""
    effect = effect_of("Compressor", "ratio", threshold_db=-40, attack_ms=1)
    audio = np.full((44100, 1), 0.5, np.float32)
    over = 20 * np.log10(0.5) + 40
    expected = -40 + over / ratio
    found = 20 * np.log10(process(effect, ratio, audio)[-1, 0])
    assert abs(found - expected) < 0.05


@pytest.mark.parametrize("gain", [-12.0, 6.0])
def test_a_peak_filter_has_its_gain_at_its_frequency(gain):
    effect = effect_of("PeakFilter", "gain_db", cutoff_frequency_hz=1000, q=2)
    impulse = np.zeros((44100, 1), np.float32)
    impulse[0] = 1
    response = np.abs(np.fft.rfft(process(effect, gain, impulse)[:, 0]))
    assert abs(20 * np.log10(response[1000]) - gain) < 0.01
    assert abs(20 * np.log10(response[20])) < 0.1


def test_a_frequency_at_half_the_sample_rate_is_refused_whether_it_varies_or_is_fixed():
    """Pedalboard itself returns NaN."""
    varying = effect_of("HighpassFilter", "cutoff_frequency_hz")
    assert "not below half the sample rate" in varying.find_fault(30000.0, 44100)
    fixed = effect_of("PeakFilter", "gain_db", cutoff_frequency_hz=30000)
    assert "not below half the sample rate" in fixed.find_fault(3.0, 44100)
    assert fixed.find_fault(3.0, 96000) is None
