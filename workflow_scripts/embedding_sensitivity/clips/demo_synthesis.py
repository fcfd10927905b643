"""The demo's sound: music played on the General MIDI soundfont inside the pretty_midi wheel."""

import wave
from importlib import metadata
from pathlib import Path

import numpy as np
import tinysoundfont

from embedding_sensitivity.clips.demo_music import CLIP_S, Music, Track
from embedding_sensitivity.files.atomic import replacing
from embedding_sensitivity.files.errors import InputError

SAMPLERATE = 44100
FULL_SCALE = 32768
ALL_SOUND_OFF, RESET_CONTROLLERS, PAN = 120, 121, 10


def find_soundfont() -> Path:
    """Path of TimGM6mb.sf2, without importing pretty_midi (its dependencies are not installed)."""
    for file in metadata.files("pretty_midi") or ():
        if file.name == "TimGM6mb.sf2":
            return Path(file.locate())
    raise InputError("pretty_midi: its wheel holds no TimGM6mb.sf2: install pretty_midi 0.2.11")


class Player:
    """The soundfont, loaded once and played many times."""

    def __init__(self, soundfont: str | Path) -> None:
        # Bytes load three times as fast as a path.
        self._synth = tinysoundfont.Synth(gain=-12, samplerate=SAMPLERATE)
        self._font = self._synth.sfload(Path(soundfont).read_bytes())

    def has_program(self, program: int, drums: bool = False) -> bool:
        """Whether the soundfont has a preset of that General MIDI program or drum kit."""
        return self._synth.sfpreset_name(self._font, 128 if drums else 0, program) is not None

    def play(self, tracks: tuple[Track, ...], tuning: float, end_s: float) -> np.ndarray:
        """Play the tracks together from silence: (frames, 2) float32 up to `end_s` seconds.

        Raises `ValueError` for a program the soundfont lacks: it would play another instrument.
        """
        self._silence()
        events = []
        for channel, track in enumerate(tracks):
            if not self.has_program(track.program, track.drums):
                raise ValueError(f"the soundfont has no preset for {track}")
            self._synth.program_select(channel, self._font, 0, track.program, track.drums)
            self._synth.control_change(channel, PAN, round(127 * track.pan))
            self._synth.set_tuning(channel, 0 if track.drums else tuning)
            for note in track.notes:
                start, end = (
                    round(t * SAMPLERATE) for t in (note.start_s, note.start_s + note.duration_s)
                )
                events.append((start, 1, channel, note.key, note.velocity))
                events.append((end, 0, channel, note.key, 0))
        audio = np.empty((round(end_s * SAMPLERATE), 2), np.float32)
        now = 0
        for frame, on, channel, key, velocity in sorted(events):
            if frame > now:
                self._synth.generate_simple(
                    min(frame, len(audio)) - now, memoryview(audio[now:frame]).cast("B")
                )
                now = min(frame, len(audio))
            if now == len(audio):
                break
            if on:
                self._synth.noteon(channel, key, velocity)
            else:
                self._synth.noteoff(channel, key)
        if now < len(audio):
            self._synth.generate_simple(len(audio) - now, memoryview(audio[now:]).cast("B"))
        return audio

    def _silence(self) -> None:
        """Back to the state of a new synthesiser, which would take longer to load."""
        for channel in range(tinysoundfont.synth.MAX_CHANNELS):
            self._synth.control_change(channel, ALL_SOUND_OFF, 0)
            self._synth.control_change(channel, RESET_CONTROLLERS, 0)
        # Notes switched off fade within a few milliseconds.
        self._synth.generate_simple(SAMPLERATE // 10)


def render(player: Player, music: Music) -> np.ndarray:
    """Sound of a clip: (frames, 2) int16."""
    end_s = music.start_s + CLIP_S
    first = round(end_s * SAMPLERATE) - round(CLIP_S * SAMPLERATE)
    lead = player.play((music.lead,), music.tuning, end_s)[first:].astype(np.float64)
    band = player.play(music.accompaniment, music.tuning, end_s)[first:].astype(np.float64)
    ratio = np.sqrt(np.mean(lead**2) / np.mean(band**2))
    mix = lead + 10 ** (music.accompaniment_db / 20) * ratio * band
    mix *= 10 ** (music.peak_dbfs / 20) / np.abs(mix).max()
    return np.rint(mix * FULL_SCALE).astype(np.int16)


def write_wav(path: str | Path, audio: np.ndarray) -> None:
    """Write (frames, channels) int16 as 16-bit PCM WAV."""
    with replacing(path) as part, wave.open(str(part), "wb") as file:
        file.setnchannels(audio.shape[1])
        file.setsampwidth(2)
        file.setframerate(SAMPLERATE)
        file.writeframes(audio.astype("<i2").tobytes())
