"""How much of a clip's signal an effect changes at a level, whatever a model hears of it.

Of at most `MAX_CLIPS` clips a label, from a file of effected audio. A clip is compared with itself
as that file stores it: so the sample format alone changes nothing.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from embedding_sensitivity.clips.audio import (
    FULL_SCALE,
    PEDALBOARD_FULL_SCALE,
    AudioBatch,
    from_pcm16,
    read_clip,
    to_pcm16,
)
from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.effects.chain import measure_lufs
from embedding_sensitivity.effects.powers import power_of
from embedding_sensitivity.effects.rendering import seed_of
from embedding_sensitivity.files.errors import InputError

# Clips a label: a clip takes 10 ms at each level.
MAX_CLIPS = 20
# Hann windows of 2048 samples at 44.1 kHz, one after the other. The shortest clip has one.
WINDOW_S = 2048 / 44100
# Power under which a bin counts as silent, relative to the loudest bin of the original.
FLOOR = 1e-8
NUMBERS = ("snr_db", "loudness_change_lu", "rms_change_db", "log_spectral_distance_db")
QUANTILES = {"q10": 0.1, "q50": 0.5, "q90": 0.9}
# Of a clip that comes back as it was.
UNCHANGED = {**dict.fromkeys(NUMBERS, 0.0), "snr_db": math.inf}


def choose_sample(clips: Iterable[Clip]) -> list[Clip]:
    """Return at most `MAX_CLIPS` clips of each label, picked by the hashes of their ids."""
    by_label = defaultdict(list)
    for clip in clips:
        by_label[clip.label].append(clip)
    chosen = [clip for own in by_label.values() for clip in sorted(own, key=seed_of)[:MAX_CLIPS]]
    return sorted(chosen, key=lambda clip: clip.clip)


def measure_batch(batch: AudioBatch, clips: Iterable[Clip]) -> Iterator[dict]:
    """Yield a row for each of some clips and each level of a file of effected audio."""
    rows = {name: row for row, name in enumerate(batch.clips)}
    quantised = batch.protocol["audio"] == "pcm16"
    for clip in clips:
        samples = read_clip(clip, PEDALBOARD_FULL_SCALE if quantised else FULL_SCALE)
        original = Original(
            from_pcm16(to_pcm16(samples)) if quantised else samples, clip.samplerate
        )
        for index, level in enumerate(batch.levels):
            change = original.compare(batch.clip(index, rows[clip.clip]))
            yield {"level": level, "clip": clip.clip, "label": clip.label, **change}


class Original:
    """A clip without the effect, (frames, channels) float32, which effected ones compare with."""

    def __init__(self, audio: np.ndarray, samplerate: int) -> None:
        self.audio = audio
        self.samplerate = samplerate

    @cached_property
    def loudness(self) -> float:
        return find_loudness(self.audio, self.samplerate)

    @cached_property
    def spectra(self) -> np.ndarray:
        return power_spectra(self.audio, self.samplerate)

    def compare(self, effected: np.ndarray) -> dict:
        """Return the `NUMBERS` of a change, and whether the clip is `unchanged`.

        Of clips of two lengths, the difference and the spectra are compared as far as both last,
        loudness and RMS are each clip's own. A number that is not defined is NaN: the loudness of
        what has none.
        """
        if np.array_equal(effected, self.audio):
            return {**UNCHANGED, "unchanged": True}
        n_frames = min(len(effected), len(self.audio))
        before, after = self.audio[:n_frames], effected[:n_frames]
        loudness = find_loudness(effected, self.samplerate)
        spectra = power_spectra(effected, self.samplerate)
        return {
            "snr_db": ratio_db(power_of(before), power_of(after - before)),
            "loudness_change_lu": loudness - self.loudness,
            "rms_change_db": ratio_db(power_of(effected), power_of(self.audio)),
            "log_spectral_distance_db": log_spectral_distance(self.spectra, spectra),
            "unchanged": False,
        }


def ratio_db(power: float, other: float) -> float:
    """Return the ratio of two powers in dB: infinite where one is 0, 0 where both are."""
    if power == 0 or other == 0:
        return 0.0 if power == other else math.copysign(math.inf, power - other)
    return 10 * math.log10(power / other)


def find_loudness(audio: np.ndarray, samplerate: int) -> float:
    """Return LUFS; NaN of a clip that has none."""
    try:
        return measure_lufs(audio, samplerate)
    except InputError:
        return math.nan


def power_spectra(audio: np.ndarray, samplerate: int) -> np.ndarray:
    """Return the power spectra of consecutive windows, (channels, windows, bins) float32.

    What is left after the last whole window is left out.
    """
    import scipy.fft

    size = max(2, round(WINDOW_S * samplerate))
    n_windows = max(1, len(audio) // size)
    planar = np.zeros((audio.shape[1], n_windows * size), np.float32)
    planar[:, : len(audio)] = audio.T[:, : n_windows * size]
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
    windows = planar.reshape(len(planar), n_windows, size) * window
    spectra = scipy.fft.rfft(windows, scipy.fft.next_fast_len(size, real=True))
    return spectra.real**2 + spectra.imag**2


def log_spectral_distance(original: np.ndarray, effected: np.ndarray) -> float:
    """Return the log-spectral distance of power spectra in dB.

    The root mean square over bins of the difference of levels in dB, its mean over windows and
    channels (Rabiner and Juang 1993, section 4.5.1). Bins under `FLOOR` are lifted to it.
    """
    loudest = original.max() or effected.max()
    if loudest == 0:
        return 0.0
    n_windows = min(original.shape[1], effected.shape[1])
    floor = np.float32(loudest * FLOOR)
    levels = [
        np.log10(np.maximum(spectra[:, :n_windows], floor)) for spectra in (original, effected)
    ]
    squares = np.square(10 * (levels[0] - levels[1]))
    return float(np.sqrt(squares.mean(axis=-1, dtype=np.float64)).mean())


def summarise(rows: Iterable[Mapping[str, str]], labels: Sequence[str]) -> Iterator[dict]:
    """Yield means and quantiles over clips: of each level and label, and of all `labels`.

    `rows` are those of `measure_batch` as text. The rows of all labels have an empty one.
    """
    cells = defaultdict(list)
    for row in rows:
        if row["label"] in labels:
            cells[row["level"], row["label"]].append(row)
            cells[row["level"], ""].append(row)
    for (level, label), found in cells.items():
        summary = {"level": level, "label": label}
        for name in NUMBERS:
            summary |= describe_numbers(name, [float(row[name]) for row in found if row[name]])
        unchanged = sum(row["unchanged"] == "1" for row in found) / len(found)
        yield {**summary, "unchanged": unchanged, "n_clips": len(found)}


def describe_numbers(name: str, values: Sequence[float]) -> dict[str, float]:
    """Return mean and quantiles, by column; nothing of no value.

    The mean is that of finite values; where there are none, it is the median. A quantile is one of
    the values, as infinite ones can't be interpolated.
    """
    if not values:
        return {}
    ordered = sorted(values)
    quantiles = {
        f"{name}_{key}": ordered[max(0, math.ceil(q * len(ordered)) - 1)]
        for key, q in QUANTILES.items()
    }
    finite = [value for value in values if math.isfinite(value)]
    mean = math.fsum(finite) / len(finite) if finite else quantiles[f"{name}_q50"]
    return {name: mean, **quantiles}
