# environment: audio
"""Every shipped effect against decoding, the library's call and encoding: processor ms a clip.

"Plain" is what a script of a few lines does for each clip: soundfile decodes the file, the library
computes, soundfile writes a 16-bit WAV file. "Ours" is `render_batch` with one level and one
thread, as a job runs it, with checksums, checks of what comes out and one HDF5 file. Ours is to
take at most a tenth or 3 ms more, whichever is more. Where no library does what an effect does, as
for a scrambled clip, the call is the effect's own function. Vorbis takes a quality in place of a
bit rate: plain tries qualities too until the rate is the level's (1.2 a clip of the demo's).

Apart from that: the loudness in LUFS, and the table `signal_change` of a clip at a level.
"""

import io
import math
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import numpy as np
import pedalboard
import pyloudnorm
import soundfile
import soxr
from bench_rendering import SAMPLERATE, SECONDS, find_best, make_clips, time_call
from scipy.signal import cheb2ord, cheby2, fftconvolve, sosfilt

from embedding_sensitivity.clips.audio import AudioBatch
from embedding_sensitivity.effects import EFFECTS
from embedding_sensitivity.effects.chain import measure_lufs
from embedding_sensitivity.effects.codecs import decode, encode
from embedding_sensitivity.effects.rendering import choose_others, render_batch, seed_of
from embedding_sensitivity.effects.signal_change import measure_batch

N_CLIPS = 12
# Processor seconds of an effect's turns, of at most five.
BUDGET_S = 4.0
MAX_SHARE, MAX_MS = 0.1, 3.0
CLEAN = {"reverb_state": "reset", "audio": "pcm16"}
# In the middle of each effect's grid (docs/effects.md).
LEVELS = {
    "aac": "64", "bitcrush": "8", "clipping": "-12", "compressor": "4", "drive": "20",
    "gain": "-13.0", "high_shelf": "6", "highpass": "200", "impulse_response": "0.5",
    "limiter": "-20", "loudness": "-23", "low_shelf": "6", "lowpass": "4244.029", "mix": "5",
    "mp3": "96", "noise": "20", "opus": "64", "packet_loss": "10", "peak_eq": "6",
    "pitch_shift": "3", "resampling": "11000", "reverb": "0.40", "reverberation": "0.5",
    "scramble": "0.4", "stereo_width": "0.5", "telephone": "1", "time_shift": "0.2",
    "time_stretch": "1.25", "vorbis": "96",
}  # fmt: skip


def use_pedalboard(plugin: str, key: str, level: float, **fixed: float) -> Callable:
    """A plugin of pedalboard, made once for all clips."""
    board = pedalboard.Pedalboard([getattr(pedalboard, plugin)(**{key: level}, **fixed)])
    return lambda audio: board.process(audio.T, SAMPLERATE).T


def use_scipy(level: float, kind: str) -> Callable:
    """The filter of lowpass and highpass."""
    edges = (level / 1.1, level * 1.1) if kind == "lowpass" else (level * 1.1, level / 1.1)
    order, edge = cheb2ord(*edges, 3, 80, fs=SAMPLERATE)
    sections = cheby2(order, 80, edge, kind, output="sos", fs=SAMPLERATE)
    return lambda audio: sosfilt(sections, audio, axis=0)


def use_room(level: float, rt60: float) -> Callable:
    """A clip and decaying noise that it is convolved with, drawn anew for each."""

    def process(audio):
        frames = min(len(audio), round(rt60 * SAMPLERATE * 80 / 60))
        tail = np.random.default_rng(1).standard_normal((frames, audio.shape[1]), np.float32)
        tail *= np.exp(np.arange(frames, dtype=np.float32) * (-6.9 / rt60 / SAMPLERATE))[:, None]
        wet = fftconvolve(audio.T, tail.T, axes=1)[:, : len(audio)].T
        return (1 - level) * audio + np.float32(level) * wet

    return process


def use_pyav(level: float, encoder: str, container: str, samplerate: int, **options) -> Callable:
    """One encoding and decoding, and for a codec's own rate resampling there and back."""

    def process(audio):
        inner = audio
        if samplerate != SAMPLERATE:
            inner = soxr.resample(audio, SAMPLERATE, samplerate, quality="VHQ")
        content = encode(inner, samplerate, level, encoder, container, **options)
        decoded, _ = decode(content, container, len(inner))
        if samplerate != SAMPLERATE:
            return soxr.resample(decoded, samplerate, SAMPLERATE, quality="VHQ")
        return decoded

    return process


def use_telephone(level: float) -> Callable:
    """Encoding and decoding at 8 kHz, resampled there and back."""

    def process(audio):
        inner = soxr.resample(audio, SAMPLERATE, 8000, quality="VHQ")
        decoded = []
        for part in np.split(inner, inner.shape[1], axis=1):  # a file of GSM has one channel
            file = io.BytesIO()
            soundfile.write(file, part, 8000, format="WAV", subtype="GSM610")
            decoded.append(soundfile.read(io.BytesIO(file.getvalue()), always_2d=True)[0])
        return soxr.resample(np.concatenate(decoded, axis=1), 8000, SAMPLERATE, quality="VHQ")

    return process


def use_vorbis(level: float) -> Callable:
    """Encoded at the quality where the file has the level's bit rate within a tenth."""

    def process(audio):
        span = math.log(315 / 53)  # kbit/s of music in stereo at the ends of the quality
        quality = math.log(level / 53) / span
        for _ in range(9):
            file = io.BytesIO()
            form = {"format": "OGG", "subtype": "VORBIS", "compression_level": 1 - quality}
            soundfile.write(file, audio, SAMPLERATE, **form)
            decoded, rate = decode(file.getvalue(), "ogg", len(audio))
            if abs(rate / level - 1) <= 0.1:
                return decoded
            quality = min(max(quality + math.log(level / rate) / span, 0), 1)
        raise RuntimeError(f"no quality of Vorbis has {level:g} kbit/s of this clip")

    return process


def use_numpy_noise(level: float) -> Callable:
    """White noise at a ratio of powers."""

    def process(audio):
        noise = np.random.default_rng(1).standard_normal(audio.shape, np.float32)
        ratio = np.mean(np.square(audio)) / np.mean(np.square(noise)) / 10 ** (level / 10)
        return audio + noise * np.sqrt(ratio)

    return process


def use_pyloudnorm(level: float) -> Callable:
    """A clip at a loudness."""

    def process(audio):
        meter = pyloudnorm.Meter(SAMPLERATE, filter_class="DeMan")
        return audio * np.float32(10 ** ((level - meter.integrated_loudness(audio)) / 20))

    return process


def use_soxr(level: float) -> Callable:
    """Resampled there and back."""

    def process(audio):
        narrow = soxr.resample(audio, SAMPLERATE, level, quality="VHQ")
        return soxr.resample(narrow, level, SAMPLERATE, quality="VHQ")

    return process


def use_rubber_band(**options: float) -> Callable:
    """Pedalboard's function."""
    return lambda audio: (
        pedalboard.time_stretch(np.ascontiguousarray(audio.T), SAMPLERATE, **options).T
    )


# What the library does; of the others, the effect's own function.
CALLS: dict[str, Callable[[float], Callable]] = {
    "aac": partial(use_pyav, encoder="aac", container="mp4", samplerate=SAMPLERATE),
    "bitcrush": partial(use_pedalboard, "Bitcrush", "bit_depth"),
    "compressor": partial(use_pedalboard, "Compressor", "ratio", threshold_db=-30),
    "drive": partial(use_pedalboard, "Distortion", "drive_db"),
    "gain": partial(use_pedalboard, "Gain", "gain_db"),
    "high_shelf": partial(
        use_pedalboard, "HighShelfFilter", "gain_db", cutoff_frequency_hz=5000, q=0.707
    ),
    "highpass": partial(use_scipy, kind="highpass"),
    "impulse_response": partial(use_room, rt60=0.5),
    "limiter": partial(use_pedalboard, "BrickwallLimiter", "ceiling_db"),
    "loudness": use_pyloudnorm,
    "low_shelf": partial(
        use_pedalboard, "LowShelfFilter", "gain_db", cutoff_frequency_hz=200, q=0.707
    ),
    "lowpass": partial(use_scipy, kind="lowpass"),
    "mp3": partial(use_pyav, encoder="libmp3lame", container="mp3", samplerate=SAMPLERATE),
    "noise": use_numpy_noise,
    "opus": partial(use_pyav, encoder="libopus", container="ogg", samplerate=48000, vbr="off"),
    "peak_eq": partial(use_pedalboard, "PeakFilter", "gain_db", cutoff_frequency_hz=1000, q=1),
    "pitch_shift": lambda level: use_rubber_band(pitch_shift_in_semitones=level),
    "resampling": use_soxr,
    "reverb": partial(use_pedalboard, "Reverb", "room_size"),
    "reverberation": lambda level: use_room(0.5, level),
    "telephone": use_telephone,  # of one pass
    "time_stretch": lambda level: use_rubber_band(stretch_factor=level),
    "vorbis": use_vorbis,
}


def run_plain(name: str, clips: list, folder: Path) -> None:
    """Decode, compute and encode each clip."""
    effect, level = EFFECTS[name], float(LEVELS[name])
    process = CALLS[name](level) if name in CALLS else None
    others = choose_others(clips) if effect.needs_other else {}
    for clip in clips:
        audio, _ = soundfile.read(clip.path, dtype="float32", always_2d=True)
        if name not in CALLS:
            drawn = {"seed": seed_of(clip)} if effect.needs_seed else {}
            if others:
                path = others[clip.clip].path
                drawn["other"] = soundfile.read(path, dtype="float32", always_2d=True)[0]
            process = effect.build(level, SAMPLERATE, **drawn)
        path = folder / f"{clip.clip}.wav"
        soundfile.write(path, process(audio), SAMPLERATE, subtype="PCM_16")


def run_ours(name: str, clips: list, folder: Path) -> None:
    """Render as a job does."""
    render_batch(clips, EFFECTS[name], [LEVELS[name]], CLEAN, folder / "batch.h5")


def measure(name: str, clips: list, folder: Path) -> tuple[float, float]:
    """Return processor ms a clip, plain and ours, the least of some turns."""
    functions = {
        "plain": lambda: run_plain(name, clips, folder),
        "ours": lambda: run_ours(name, clips, folder),
    }
    once = find_best(functions, folder, 1)  # compiles and fills caches too
    repeats = max(1, min(5, int(BUDGET_S / sum(cpu for _, cpu in once.values()))))
    again = find_best(functions, folder, repeats)
    return tuple(1000 * min(once[k][1], again[k][1]) / len(clips) for k in functions)


def main(names: list[str]) -> int:
    """Print a line for each effect; return how many take longer than they may."""
    clips = make_clips()[:N_CLIPS]
    print(f"{N_CLIPS} clips of {SECONDS} s stereo, one level, one thread, pcm16")
    print("processor ms a clip; plain: decode, the library's call, encode")
    print(f"{'effect':18}{'level':>10}{'plain':>9}{'ours':>9}{'more':>8}{'':>7}   call")
    n_over = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in names or EFFECTS:
            plain, ours = measure(name, clips, Path(folder))
            over = ours - plain > max(MAX_SHARE * plain, MAX_MS)
            n_over += over
            print(
                f"{name:18}{LEVELS[name]:>10}{plain:9.2f}{ours:9.2f}{ours - plain:8.2f}"
                f"{ours / plain - 1:7.0%}   {'library' if name in CALLS else 'own'}"
                f"{'  OVER' if over else ''}",
                flush=True,
            )
    audio = [soundfile.read(clip.path, dtype="float32", always_2d=True)[0] for clip in clips]
    cpu = min(
        time_call(lambda: [measure_lufs(each, SAMPLERATE) for each in audio])[1] for _ in "123"
    )
    print(f"loudness in LUFS, once: {1000 * cpu / len(clips):.1f} ms a clip (match: lufs has two)")
    with tempfile.TemporaryDirectory() as folder:
        run_ours("gain", clips, Path(folder))
        batch = AudioBatch(Path(folder, "batch.h5"))
        cpu = min(time_call(lambda: list(measure_batch(batch, clips)))[1] for _ in "123")
    print(f"signal_change: {1000 * cpu / len(clips):.1f} ms a clip, of at most 20 clips a label")
    print(f"{n_over} over a tenth and {MAX_MS:g} ms")
    return n_over


if __name__ == "__main__":
    sys.exit(os.EX_SOFTWARE if main(sys.argv[1:]) else 0)
