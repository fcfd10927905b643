import ast
import functools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pedalboard
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.signal import cheb2ord, cheby2, sosfilt, sosfreqz

from embedding_sensitivity.effects import EFFECTS, Effect, effect_named
from embedding_sensitivity.effects.levels import level_string
from embedding_sensitivity.files.errors import InputError
from support.effect_contract import MIN_FRAMES, drawn_for, level_for_noise

ROOT = Path(__file__).resolve().parents[2]
FORMS = [(44100, 2), (44100, 1), (22050, 2), (48000, 1)]
forms = pytest.mark.parametrize(("samplerate", "channels"), FORMS)


LEVELS = {name: float(level_for_noise(effect)) for name, effect in EFFECTS.items()}


def noise(frames, channels, seed=0, peak=1.0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-peak, peak, (frames, channels)).astype(np.float32)


def noise_for(name, frames, channels=2, **options):
    """Noise of a length and a number of channels that an effect accepts."""
    effect = EFFECTS[name]
    frames = max(frames, MIN_FRAMES.get(name, 0))
    return noise(frames, max(channels, effect.min_channels), **options)


def of_pedalboard(plugin, audio, samplerate):
    return pedalboard.Pedalboard([plugin]).process(np.ascontiguousarray(audio.T), samplerate).T


def test_the_registry_imports_without_numpy():
    code = (
        "import sys; import embedding_sensitivity.effects; "
        "sys.exit(bool({'numpy', 'scipy', 'pedalboard'} & set(sys.modules)))"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
    )


@pytest.mark.parametrize("name", EFFECTS)
def test_every_effect_declares_what_a_plan_needs(name):
    effect = EFFECTS[name]
    assert effect.name == name and effect.file.stem == name and effect.version >= 1
    assert effect.parameter and effect.packages
    assert effect.seconds, "measure it (bench/bench_effects.py): `make plan` counts with it"
    assert (ROOT / "envs" / f"{effect.environment}.yaml").is_file()
    for module in effect.computes_with:
        assert (ROOT / "workflow_scripts" / f"{module.replace('.', '/')}.py").is_file()
    assert effect.neutral is not None or effect.mild_end  # where a threshold starts
    low, high = effect.range
    assert [float(level_string(level, effect.decimals, name)) for level in (low, high)] == [
        low,
        high,
    ]
    for parameter in effect.parameters.values():
        assert parameter.label and parameter.find_fault(parameter.range[0]) is None


def test_every_effect_is_timed_at_a_level_that_it_accepts():
    tree = ast.parse((ROOT / "bench" / "bench_effects.py").read_text(encoding="utf-8"))
    (levels,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LEVELS"
    )
    assert list(levels) == list(EFFECTS)
    for name, level in levels.items():
        assert EFFECTS[name].find_fault(float(level), 44100, 2) is None
        assert level_string(level, EFFECTS[name].decimals, name) == level


@pytest.mark.parametrize("name", EFFECTS)
@forms
def test_the_shape_stays_and_the_input_is_left_alone(name, samplerate, channels):
    audio = np.asfortranarray(noise_for(name, 5000, channels))
    before = audio.copy()
    effected = EFFECTS[name].build(LEVELS[name], samplerate, **drawn_for(EFFECTS[name], audio))(
        audio
    )
    n_frames = EFFECTS[name].n_frames(LEVELS[name], len(audio))
    assert effected.shape[1] == audio.shape[1]
    assert not EFFECTS[name].keeps_length or len(effected) == n_frames
    assert np.isfinite(effected).all()
    assert not np.array_equal(effected, before)
    np.testing.assert_array_equal(audio, before)


@pytest.mark.parametrize("name", EFFECTS)
def test_the_memory_layout_changes_nothing(name):
    audio = noise_for(name, 5000)
    drawn = drawn_for(EFFECTS[name], audio)
    build = functools.partial(EFFECTS[name].build, LEVELS[name], 44100, **drawn)
    by_frame = build()(np.ascontiguousarray(audio))
    by_channel = build()(np.asfortranarray(audio))
    np.testing.assert_array_equal(by_frame, by_channel)


@pytest.mark.parametrize("name", [name for name, effect in EFFECTS.items() if not effect.stateful])
def test_an_effect_that_says_it_has_no_state_has_none(name):
    audio = noise_for(name, 3000)
    process = EFFECTS[name].build(LEVELS[name], 44100, **drawn_for(EFFECTS[name], audio))
    first = process(audio)
    process(noise_for(name, 3000, seed=1))
    np.testing.assert_array_equal(process(audio), first)


@pytest.mark.parametrize("level", np.arange(-40, 5.01, 1.5))
def test_gain_is_a_factor_and_pedalboards_to_the_bit(level):
    audio = noise(4000, 2)
    effected = EFFECTS["gain"].build(level, 44100)(audio)
    np.testing.assert_array_equal(effected, of_pedalboard(pedalboard.Gain(level), audio, 44100))
    np.testing.assert_allclose(effected, audio * 10 ** (level / 20), rtol=4e-7)


@pytest.mark.parametrize("name", [n for n, effect in EFFECTS.items() if effect.neutral is not None])
@forms
def test_an_effect_at_its_neutral_level_returns_its_input(name, samplerate, channels):
    audio, effect = noise_for(name, 4000, channels), EFFECTS[name]
    effected = effect.build(effect.neutral, samplerate, **drawn_for(effect, audio))(audio)
    np.testing.assert_array_equal(effected, audio)
    assert effect.n_frames(effect.neutral, len(audio)) == len(audio)


@pytest.mark.parametrize("bits", range(1, 25))
@forms
def test_bitcrush_rounds_to_a_lattice_as_pedalboard_does(bits, samplerate, channels):
    audio = noise(2000, channels)
    effected = EFFECTS["bitcrush"].build(float(bits), samplerate)(audio)
    np.testing.assert_array_equal(effected, np.rint(audio * 2.0**bits) / 2.0**bits)
    np.testing.assert_array_equal(
        effected, of_pedalboard(pedalboard.Bitcrush(bits), audio, samplerate)
    )


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 50), st.integers(1, 2)),
               elements=st.floats(-4, 4, width=32)),
    st.integers(1, 15),
)  # fmt: skip
def test_bitcrushing_twice_is_bitcrushing_once(audio, bits):
    process = EFFECTS["bitcrush"].build(float(bits), 44100)
    once = process(audio)
    np.testing.assert_array_equal(process(once), once)
    assert np.abs(once - audio).max() <= 0.5 / 2**bits


@pytest.mark.parametrize("cutoff", [1600.0, 4244.029, 18333.333])
@pytest.mark.parametrize("samplerate", [44100, 48000])
def test_lowpass_has_the_designed_response(cutoff, samplerate):
    impulse = np.zeros((2**15, 2), np.float32)
    impulse[0] = 1, 0.5
    response = EFFECTS["lowpass"].build(cutoff, samplerate)(impulse)
    spectrum = np.fft.rfft(response[:, 0])
    frequency = np.fft.rfftfreq(len(impulse), 1 / samplerate)

    order, edge = cheb2ord(cutoff / 1.1, cutoff * 1.1, 3, 80, fs=samplerate)
    sections = cheby2(order, 80, edge, output="sos", fs=samplerate)
    _, designed = sosfreqz(sections, frequency, fs=samplerate)
    np.testing.assert_allclose(spectrum, designed, atol=1e-9)
    np.testing.assert_allclose(response[:, 1], response[:, 0] / 2, rtol=0, atol=1e-15)

    loudness = 20 * np.log10(np.abs(spectrum) + 1e-300)
    assert loudness[frequency <= cutoff / 1.1].min() >= -3
    assert loudness[frequency >= cutoff * 1.1].max() <= -80 + 1e-3


@forms
def test_lowpass_is_scipys_filter_from_rest(samplerate, channels):
    audio = noise(3000, channels)
    order, edge = cheb2ord(5000 / 1.1, 5000 * 1.1, 3, 80, fs=samplerate)
    sections = cheby2(order, 80, edge, output="sos", fs=samplerate)
    effected = EFFECTS["lowpass"].build(5000.0, samplerate)(audio)
    np.testing.assert_array_equal(effected, sosfilt(sections, audio.T).T)


@forms
def test_reverb_is_pedalboards_and_leaks_nothing_after_a_reset(samplerate, channels):
    audio = noise(8000, channels)
    process = EFFECTS["reverb"].build(0.7, samplerate)
    process(noise(8000, channels, seed=1))
    process.reset()
    np.testing.assert_array_equal(
        process(audio), of_pedalboard(pedalboard.Reverb(room_size=0.7), audio, samplerate)
    )
    process.reset()
    assert not process(np.zeros((8000, channels), np.float32)).any()


@forms
def test_reverb_carries_the_tail_of_the_clip_before(samplerate, channels):
    process = EFFECTS["reverb"].build(1.0, samplerate)
    process(noise(44100, channels))
    tail = process(np.zeros((8000, channels), np.float32))
    assert np.sqrt(np.mean(tail**2)) > 0.01


@pytest.mark.parametrize("frames", [(5000, 8000), (8000, 5000), (100, 20000), (20000, 100)])
def test_reverb_carries_its_state_between_clips_of_any_length(frames):
    audio = noise(sum(frames), 2)
    whole = EFFECTS["reverb"].build(0.5, 44100)(audio)
    process = EFFECTS["reverb"].build(0.5, 44100)
    parts = [process(part) for part in np.split(audio, [frames[0]])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_reverb_does_not_depend_on_the_cutting_into_chunks():
    # The authors process a second at a time.
    audio = noise(2 * 44100 + 123, 2)
    whole = EFFECTS["reverb"].build(0.5, 44100)(audio)
    process = EFFECTS["reverb"].build(0.5, 44100)
    parts = [process(audio[start : start + 44100]) for start in range(0, len(audio), 44100)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize(
    ("effect", "level", "samplerate", "channels", "words"),
    [
        ("gain", 61.0, None, None, "gain 61 dB is outside -90 to 60 dB"),
        ("gain", float("nan"), None, None, "outside"),
        ("lowpass", 19.0, None, None, "cutoff frequency 19 Hz is outside"),
        ("lowpass", 20046.0, 44100, None, "half the sample rate, 22050 Hz"),
        ("lowpass", 18333.333, 32000, None, "stay under 14545.5 Hz"),
        ("reverb", 1.01, None, None, "room size 1.01 is outside 0 to 1"),
        ("stereo_width", 0.5, 44100, 1, "at least 2 channels, the clips have 1"),
        ("highpass", 20046.0, 44100, None, "stay under 20045.5 Hz"),
        ("reverb", 0.5, 44100, 3, "at most 2 channels, the clips have 3"),
        ("bitcrush", 4.5, None, None, "bit depth 4.5 bit is not a whole number"),
        ("bitcrush", 0.0, None, None, "outside 1 to 24 bit"),
    ],
)
def test_a_level_that_is_not_accepted_gets_its_reason(effect, level, samplerate, channels, words):
    assert words in EFFECTS[effect].find_fault(level, samplerate, channels)


def test_accepted_levels():
    for effect in EFFECTS.values():
        assert [effect.find_fault(level) for level in effect.range] == [None, None]
    assert EFFECTS["lowpass"].find_fault(20045.0, 44100, 2) is None
    assert EFFECTS["gain"].find_fault(-40.0, 44100, 6) is None
    assert EFFECTS["reverb"].find_fault(1.0, 44100, 2) is None


def test_an_unknown_effect_lists_the_known_ones():
    known = ", ".join(sorted(EFFECTS))
    with pytest.raises(InputError, match=rf"'chorus' is unknown: the effects are {known}$"):
        effect_named("chorus")


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"range": (1.0, 0.0)}, "range: is"),
        ({"range": (0.0, float("inf"))}, "range: is"),
        ({"range": (0.0, 1.0), "scale": "log"}, "log scale has positive"),
        ({"scale": "cubic"}, "scale: is 'cubic', expected linear or log"),
        ({"mild_end": "left"}, "mild_end: is 'left', expected low, high or None"),
        ({"stateful": True, "needs_seed": True}, "needs_seed: a stateful effect"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(declared, message):
    given = {"parameter": "x", "unit": "", "decimals": 1, "range": (0.0, 1.0)}
    with pytest.raises(InputError, match=message):
        Effect(**{**given, "make": len, **declared})


@pytest.mark.parametrize(
    ("make", "declared", "message"),
    [
        (lambda level: None, {}, r"as make\(level, samplerate\), and takes \(level\) \(too"),
        (lambda level, samplerate: len, {"needs_seed": True}, "unexpected keyword argument 'seed'"),
        (lambda level, samplerate: None, {}, "returns NoneType, expected a function of a clip"),
        (lambda level, samplerate: len, {"stateful": True}, r"clip, with a method reset\(\)"),
    ],
)
def test_a_make_that_breaks_the_contract_is_refused_in_one_line(make, declared, message):
    effect = Effect("x", "", 1, (0.0, 1.0), make, **declared)
    with pytest.raises(InputError, match=message):
        effect.build(1.0, 44100, **({"seed": 3} if effect.needs_seed else {}))
