"""Pedalboard's plugins: what of them can vary, within which limits. Data, in no identity.

Ranges are narrower than pedalboard's own, which takes values that give NaN or nothing audible.
Measured with pedalboard 0.9.26; tests/audio/test_plugins.py measures again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from embedding_sensitivity.effects import Parameter


@dataclass(frozen=True)
class Plugin:
    """A plugin whose output has the clip's length, lag 0 and is the same each time.

    Attributes
    ----------
    parameters : the numbers that it takes
    options : every keyword with pedalboard's default
    choices : the words that an option may be
    max_channels : more are returned as they were, or refused
    coupled : whether a channel's output depends on the other channel
    smears : whether onsets move by up to 100 ms, so that no lag is defined
    seconds : of one core for a clip of 3 s in stereo
    note : what to know of it
    """

    parameters: Mapping[str, Parameter]
    options: Mapping[str, float | str | bool]
    seconds: float
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    max_channels: int | None = None
    coupled: bool = False
    smears: bool = False
    note: str = ""


def _frequency(label: str, mild_end: str | None = None) -> Parameter:
    return Parameter(label, "Hz", (10.0, 96000.0), "log", mild_end=mild_end, below_nyquist=True)


def _time(label: str, high: float) -> Parameter:
    return Parameter(label, "ms", (0.1, high), "log")


def _share(label: str, neutral: float | None = None) -> Parameter:
    return Parameter(label, "", (0.0, 1.0), neutral=neutral, mild_end="low")


_Q = Parameter("Q", "", (0.05, 40.0), "log")
_BAND = {
    "cutoff_frequency_hz": _frequency("frequency"),
    "gain_db": Parameter("gain", "dB", (-40.0, 40.0), neutral=0.0),
    "q": _Q,
}
_BAND_OPTIONS = {"cutoff_frequency_hz": 440.0, "gain_db": 0.0, "q": 0.7071067690849304}
_QUALITIES = (
    "ZeroOrderHold", "Linear", "CatmullRom", "Lagrange", "WindowedSinc8", "WindowedSinc16",
    "WindowedSinc32", "WindowedSinc64", "WindowedSinc128", "WindowedSinc256",
)  # fmt: skip

PLUGINS: dict[str, Plugin] = {
    "Bitcrush": Plugin(
        {"bit_depth": Parameter("bit depth", "bit", (1.0, 24.0), mild_end="high")},
        {"bit_depth": 8.0},
        seconds=1 / 6000,
    ),
    "BrickwallLimiter": Plugin(
        {
            "ceiling_db": Parameter("ceiling", "dB", (-60.0, 0.0), mild_end="high"),
            "release_ms": _time("release", 5000.0),
            "lookahead_ms": _time("lookahead", 100.0),
        },
        {"ceiling_db": -1.0, "release_ms": 100.0, "lookahead_ms": 5.0, "true_peak": False},
        seconds=1 / 150,
        coupled=True,
        note="a clip whose peak is under the ceiling comes back as it was",
    ),
    "Chorus": Plugin(
        {
            "rate_hz": Parameter("rate", "Hz", (0.01, 100.0), "log"),
            "depth": _share("depth"),
            "centre_delay_ms": Parameter("centre delay", "ms", (1.0, 100.0), "log"),
            "feedback": Parameter("feedback", "", (0.0, 0.95), mild_end="low"),
            "mix": _share("mix", 0.0),
        },
        {"rate_hz": 1.0, "depth": 0.25, "centre_delay_ms": 7.0, "feedback": 0.0, "mix": 0.5},
        seconds=1 / 290,
        note="the oscillator starts at the same phase in every clip",
    ),
    "Clipping": Plugin(
        {"threshold_db": Parameter("threshold", "dB", (-80.0, 0.0), mild_end="high")},
        {"threshold_db": -6.0},
        seconds=1 / 4500,
        note="a clip whose peak is under the threshold comes back as it was",
    ),
    "Compressor": Plugin(
        {
            "threshold_db": Parameter("threshold", "dB", (-80.0, 0.0), mild_end="high"),
            "ratio": Parameter("ratio", "", (1.0, 100.0), "log", neutral=1.0),
            "attack_ms": _time("attack", 1000.0),
            "release_ms": _time("release", 5000.0),
        },
        {"threshold_db": 0.0, "ratio": 1.0, "attack_ms": 1.0, "release_ms": 100.0},
        seconds=1 / 246,
        note="quieter clips the more it compresses: `match` says what of that stays",
    ),
    "Delay": Plugin(
        {
            "delay_seconds": Parameter("delay", "s", (0.001, 30.0), "log"),
            "feedback": Parameter("feedback", "", (0.0, 0.95), mild_end="low"),
            "mix": _share("mix", 0.0),
        },
        {"delay_seconds": 0.5, "feedback": 0.0, "mix": 0.5},
        seconds=1 / 170,
    ),
    "Distortion": Plugin(
        {"drive_db": Parameter("drive", "dB", (-20.0, 60.0), mild_end="low")},
        {"drive_db": 25.0},
        seconds=1 / 230,
        note="tanh; louder clips the more it drives: `match` says what of that stays",
    ),
    "GSMFullRateCompressor": Plugin(
        {},
        {"quality": "WindowedSinc8"},
        choices={"quality": _QUALITIES},
        seconds=1 / 37,
        max_channels=2,
        coupled=True,
        note="mixed to mono and resampled to 8 kHz",
    ),
    "Gain": Plugin(
        {"gain_db": Parameter("gain", "dB", (-90.0, 60.0), neutral=0.0)},
        {"gain_db": 1.0},
        seconds=1 / 8000,
    ),
    "HighShelfFilter": Plugin(_BAND, _BAND_OPTIONS, seconds=1 / 800),
    "HighpassFilter": Plugin(
        {"cutoff_frequency_hz": _frequency("cutoff frequency", "low")},
        {"cutoff_frequency_hz": 50.0},
        seconds=1 / 250,
        note="of the first order",
    ),
    "Invert": Plugin({}, {}, seconds=1 / 4400, note="the other sign"),
    "LadderFilter": Plugin(
        {
            "cutoff_hz": _frequency("cutoff frequency"),
            "resonance": _share("resonance"),
            "drive": Parameter("drive", "", (1.0, 100.0), "log", mild_end="low"),
        },
        {"mode": "LPF12", "cutoff_hz": 200.0, "resonance": 0.0, "drive": 1.0},
        choices={"mode": ("LPF12", "HPF12", "BPF12", "LPF24", "HPF24", "BPF24")},
        seconds=1 / 134,
    ),
    "Limiter": Plugin(
        {
            "threshold_db": Parameter("threshold", "dB", (-60.0, 0.0), mild_end="high"),
            "release_ms": _time("release", 5000.0),
        },
        {"threshold_db": -10.0, "release_ms": 100.0},
        seconds=1 / 254,
        note="has a make-up gain of 3.75 dB even at 0 dB: BrickwallLimiter has none",
    ),
    "LowShelfFilter": Plugin(_BAND, _BAND_OPTIONS, seconds=1 / 800),
    "LowpassFilter": Plugin(
        {"cutoff_frequency_hz": _frequency("cutoff frequency", "high")},
        {"cutoff_frequency_hz": 50.0},
        seconds=1 / 250,
        note="of the first order",
    ),
    "MP3Compressor": Plugin(
        {"vbr_quality": Parameter("VBR quality", "", (0.0, 9.999), mild_end="low")},
        {"vbr_quality": 2.0},
        seconds=1 / 31,
        max_channels=2,
        coupled=True,
        note="a variable bit rate, 0 is the best",
    ),
    "NoiseGate": Plugin(
        {
            "threshold_db": Parameter("threshold", "dB", (-100.0, 0.0), neutral=-100.0),
            "ratio": Parameter("ratio", "", (1.0, 100.0), "log", neutral=1.0),
            "attack_ms": _time("attack", 1000.0),
            "release_ms": _time("release", 5000.0),
        },
        {"threshold_db": -100.0, "ratio": 10.0, "attack_ms": 1.0, "release_ms": 100.0},
        seconds=1 / 165,
    ),
    "PeakFilter": Plugin(_BAND, _BAND_OPTIONS, seconds=1 / 800),
    "Phaser": Plugin(
        {
            "rate_hz": Parameter("rate", "Hz", (0.01, 100.0), "log"),
            "depth": _share("depth"),
            "centre_frequency_hz": _frequency("centre frequency"),
            "feedback": Parameter("feedback", "", (0.0, 0.95), mild_end="low"),
            "mix": _share("mix", 0.0),
        },
        {
            "rate_hz": 1.0,
            "depth": 0.5,
            "centre_frequency_hz": 1300.0,
            "feedback": 0.0,
            "mix": 0.5,
        },
        seconds=1 / 89,
        note="the oscillator starts at the same phase in every clip",
    ),
    "PitchShift": Plugin(
        {"semitones": Parameter("pitch", "semitone", (-24.0, 24.0), neutral=0.0)},
        {"semitones": 0.0},
        seconds=1 / 5,
        coupled=True,
        smears=True,
        note="a phase vocoder: 0.01 semitones are as far from the clip as 1",
    ),
    "Resample": Plugin(
        {
            "target_sample_rate": Parameter(
                "sample rate", "Hz", (1000.0, 96000.0), "log", mild_end="high"
            )
        },
        {"target_sample_rate": 8000.0, "quality": "WindowedSinc32"},
        choices={"quality": _QUALITIES},
        seconds=1 / 8,
        note="to this rate and back",
    ),
    "Reverb": Plugin(
        {
            "room_size": _share("room size"),
            "damping": _share("damping"),
            "wet_level": _share("wet level"),
            "dry_level": Parameter("dry level", "", (0.0, 1.0), mild_end="high"),
            "width": _share("width"),
            # From 0.5 on what reverberates is held: of silence, nothing.
            "freeze_mode": _share("freeze mode"),
        },
        {
            "room_size": 0.5,
            "damping": 0.5,
            "wet_level": 0.33,
            "dry_level": 0.4,
            "width": 1.0,
            "freeze_mode": 0.0,
        },
        seconds=1 / 131,
        max_channels=2,
        coupled=True,
        note="`dry_level` 0.5 is the clip at its own loudness; with `wet_level` 0 the clip itself",
    ),
}

_EXTERNAL = "is a binary of this machine, which no other run could be sure to have"
_CONTAINER = "holds other plugins: give them in `before` and `after`"
REFUSED: dict[str, str] = {
    "VST3Plugin": _EXTERNAL,
    "AudioUnitPlugin": _EXTERNAL,
    "ExternalPlugin": _EXTERNAL,
    "Convolution": "gives any impulse response a loudness of its own, a unit impulse too",
    "IIRFilter": "has no parameter that is a number: HighpassFilter, LowpassFilter, PeakFilter, "
    "HighShelfFilter and LowShelfFilter have",
    "Chain": _CONTAINER,
    "Mix": _CONTAINER,
    "Pedalboard": _CONTAINER,
}
