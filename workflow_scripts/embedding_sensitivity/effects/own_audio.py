"""Recordings of the user's that effects need: noises and impulse responses."""

import functools
from pathlib import Path

from embedding_sensitivity.files.errors import InputError

# As many as are kept in memory once they are read.
N_KEPT = 16


def read_one(path: str, rng, samplerate: int, channels: int):
    """Return the file `path`, or one that `rng` picks of a folder's, (frames, channels) float32.

    It is resampled; one channel becomes several by copies, several one by their mean.
    """
    files = list_files(path)
    return _read(str(files[rng.integers(len(files))]), samplerate, channels)


def list_files(path: str) -> list[Path]:
    """Return the audio files of a folder and those below, in the order of their names."""
    if Path(path).is_file():
        return [Path(path)]
    found = sorted(
        file
        for file in Path(path).rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not found:
        raise InputError(f"{path} has no files: put recordings there")
    return found


@functools.lru_cache(N_KEPT)
def _read(file: str, samplerate: int, channels: int):
    import soundfile

    from embedding_sensitivity.clips.audio import decode, read_content
    from embedding_sensitivity.clips.containers import recognise
    from embedding_sensitivity.clips.decoding import convert

    try:
        content = read_content(file)
        if fault := recognise(content).fault:
            raise InputError(fault)
        audio, rate = decode(content)
        audio = convert(audio, rate, (samplerate, channels))
    except (OSError, soundfile.SoundFileError, InputError) as error:
        # libsndfile's words without the name of the object that was read.
        reason = " ".join(getattr(error, "error_string", str(error)).split())
        raise InputError(f"{file}: cannot be used ({reason}): remove it from the folder") from None
    audio.setflags(write=False)
    return audio
