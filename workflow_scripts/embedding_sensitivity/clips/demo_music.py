"""The demo's clips: their names, and the music that each of them plays.

Everything here is the standard library's, so that the Snakefile can list the files. A clip's music
follows from the seed, its label, group and part alone: asking for more clips, for other labels or
in another order moves no byte of it. `demo_synthesis` turns the music into sound.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from embedding_sensitivity.clips.irmas import GENRES, LABELS
from embedding_sensitivity.files.errors import InputError

CLIP_S = 3.0
# Every fourth recording of a label is for testing, so that a name alone tells the split and a
# larger demo keeps the clips of a smaller one where they were.
TEST_EVERY = 4
LAST_GROUP = 9999  # four digits


@dataclass(frozen=True)
class DemoClip:
    """One clip to render. `label` and `genre` are long names, `group` is its recording."""

    clip: str
    file_name: str
    label: str
    genre: str
    group: str
    part: int
    split: str


def demo_clips(
    labels: Iterable[str], train: int, test: int, parts_per_group: int, seed: int
) -> list[DemoClip]:
    """Name the clips: the training clips label by label, then the test clips.

    Parameters
    ----------
    labels : long label names (``cello``), each once
    train, test : clips of each label
    parts_per_group : clips cut from one recording; the last recording of a split may give fewer

    Raises
    ------
    InputError
        For an unknown or repeated label, a number below 1, or more recordings than four digits
        can name.
    """
    labels = list(labels)
    codes = {name: code for code, name in LABELS.items()}
    for label in labels:
        if label not in codes:
            raise InputError(f"data.labels: unknown label {label!r}, expected some of {[*codes]}")
        if labels.count(label) > 1:
            raise InputError(f"data.labels: {label!r} stands there more than once, keep one")
    for key, number in (("train", train), ("test", test), ("parts_per_group", parts_per_group)):
        if number < 1:
            raise InputError(f"data.{key}: {number}, expected at least 1")

    clips = []
    for split, number in (("train", train), ("test", test)):
        for label in labels:
            for index in range(number):
                group = _group(label, split, index // parts_per_group)
                # Taken in turn, so that a split of four recordings is not all of one genre.
                genres = Random(f"{seed}/{label}").sample([*GENRES], len(GENRES))
                genre = genres[_slot(group) % len(genres)]
                part = index % parts_per_group + 1
                clip = f"[{codes[label]}][{genre}]{group}__{part}"
                clips.append(
                    DemoClip(clip, f"{clip}.wav", label, GENRES[genre], group, part, split)
                )
    return clips


def _group(label: str, split: str, index: int) -> str:
    """Number of a label's recording, in `split` the `index`-th; no two labels share a number."""
    if split == "test":
        slot = TEST_EVERY * index + TEST_EVERY - 1
    else:
        slot = index // (TEST_EVERY - 1) * TEST_EVERY + index % (TEST_EVERY - 1)
    number = slot * len(LABELS) + list(LABELS.values()).index(label) + 1
    if number > LAST_GROUP:
        raise InputError(
            f"data.{split}: {label} would need a recording number above {LAST_GROUP}, "
            "ask for fewer clips or raise data.parts_per_group"
        )
    return f"{number:04d}"


def _slot(group: str) -> int:
    """Which of its label's recordings a group is, from 0."""
    return (int(group) - 1) // len(LABELS)


@dataclass(frozen=True)
class Note:
    """Times in seconds from the start of the music, key and velocity as in MIDI (0 to 127)."""

    start_s: float
    duration_s: float
    key: int
    velocity: int


@dataclass(frozen=True)
class Track:
    """Notes of one player: General MIDI program from 0 (or drum kit), pan from 0 to 1 (right)."""

    program: int
    pan: float
    notes: tuple[Note, ...]
    drums: bool = False


@dataclass(frozen=True)
class Music:
    """What one clip plays: its `CLIP_S` seconds begin at `start_s`, in the midst of the music.

    `accompaniment_db` is the accompaniment's RMS level above the lead's, `peak_dbfs` the level of
    the clip's highest sample, `tuning` the detuning of all players in semitones.
    """

    start_s: float
    lead: Track
    accompaniment: tuple[Track, ...]
    accompaniment_db: float
    peak_dbfs: float
    tuning: float


# What plays each label: General MIDI programs (from 0) with the lowest and highest sounding key of
# the instrument (60 is middle C). An organ's is a five-octave manual, a piano's the part that
# melodies use, a choir's from bass to soprano. No alto saxophone (65): in TimGM6mb its key 64 is
# silent.
PRESETS = {
    "cello": ((42, 36, 76),),
    "clarinet": ((71, 50, 91),),
    "flute": ((73, 60, 96),),
    "guitar_acc": ((24, 40, 79), (25, 40, 81)),
    "guitar_ele": ((26, 40, 81), (27, 40, 84), (29, 40, 84), (30, 40, 84)),
    "organ": ((16, 36, 96), (17, 36, 96), (18, 36, 96), (19, 36, 96)),
    "piano": ((0, 36, 96), (1, 36, 96), (2, 36, 96), (3, 36, 96)),
    "saxophone": ((64, 56, 87), (66, 44, 75), (67, 36, 68)),
    "trumpet": ((56, 52, 82), (59, 52, 82)),
    "violin": ((40, 55, 93),),
    "voice": ((52, 43, 79), (53, 43, 79), (85, 48, 81)),
}
# Instruments that can play several notes at once.
POLYPHONIC = ("guitar_acc", "guitar_ele", "organ", "piano", "voice")


@dataclass(frozen=True)
class Band:
    """How a genre is accompanied.

    Programs are General MIDI's. `progressions` are scale degrees of chord roots from 0, one chord
    a bar of four beats; `rhythm` are note lengths of melodies in beats; `rivals` are the labels
    whose instruments may play a second melody; `drums` maps a drum key to the beats it falls on.
    """

    tempo: tuple[float, float]
    progressions: tuple[tuple[int, ...], ...]
    rhythm: tuple[float, ...]
    chords: tuple[int, ...]
    patterns: tuple[str, ...]
    bass: tuple[int, ...]
    rivals: tuple[str, ...]
    kit: int = 0
    drums: tuple[tuple[int, tuple[float, ...]], ...] = ()


EIGHTHS = tuple(beat / 2 for beat in range(8))
BANDS = {
    "classical": Band(
        tempo=(60, 120),
        progressions=((0, 3, 4, 0), (0, 5, 3, 4), (0, 1, 4, 0), (5, 3, 0, 4)),
        rhythm=(0.5, 0.5, 1, 1, 1.5, 2),
        chords=(48, 49, 44, 46, 6, 0, 60),
        patterns=("held", "held", "broken"),
        bass=(43, 42, 70),
        rivals=("cello", "clarinet", "flute", "organ", "piano", "trumpet", "violin", "voice"),
    ),
    "country_folk": Band(
        tempo=(80, 140),
        progressions=((0, 0, 3, 4), (0, 3, 0, 4), (0, 4, 3, 0)),
        rhythm=(0.5, 0.5, 0.5, 1, 1),
        chords=(25, 24, 105, 21, 22),
        patterns=("offbeat", "broken", "struck"),
        bass=(32, 33),
        rivals=("violin", "guitar_acc", "voice", "flute", "piano", "cello"),
        drums=((36, (0, 2)), (40, (1, 3)), (42, EIGHTHS)),
    ),
    "jazz_blue": Band(
        tempo=(80, 150),
        progressions=((0, 3, 0, 4), (1, 4, 0, 0), (0, 5, 1, 4)),
        rhythm=(1 / 3, 2 / 3, 2 / 3, 1, 1.5),
        chords=(0, 4, 26, 16, 61),
        patterns=("offbeat", "struck", "held"),
        bass=(32, 35),
        rivals=("saxophone", "trumpet", "clarinet", "piano", "guitar_ele", "flute", "organ"),
        kit=40,
        drums=((51, (0, 1, 5 / 3, 2, 3, 11 / 3)), (44, (1, 3)), (38, (1.5,))),
    ),
    "latin_soul": Band(
        tempo=(85, 130),
        progressions=((0, 3, 4, 3), (0, 5, 1, 4), (0, 6, 5, 4)),
        rhythm=(0.5, 0.5, 0.75, 1, 1.25),
        chords=(24, 0, 61, 4, 11),
        patterns=("offbeat", "broken", "struck"),
        bass=(32, 33),
        rivals=("trumpet", "flute", "saxophone", "guitar_acc", "voice", "piano"),
        drums=((75, (0, 0.75, 1.5, 2.5, 3)), (62, (0.5, 2.5)), (63, (1.5, 3.5)), (70, EIGHTHS)),
    ),
    "pop_roc": Band(
        tempo=(90, 140),
        progressions=((0, 4, 5, 3), (5, 3, 0, 4), (0, 3, 5, 4)),
        rhythm=(0.5, 0.5, 1, 1.5),
        chords=(27, 29, 16, 50, 4, 89, 48),
        patterns=("struck", "held", "broken"),
        bass=(33, 34, 38),
        rivals=("guitar_ele", "organ", "voice", "saxophone", "violin", "guitar_acc"),
        drums=((36, (0, 2, 2.5)), (38, (1, 3)), (42, EIGHTHS)),
    ),
}
BEATS_PER_BAR = 4
REGISTER = 19  # semitones
# Peaks of the clips. Quiet enough that 5 dB of gain clips none and 4 bits leave few steps.
PEAK_DBFS = (-15, -6)
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


def compose(
    clip: DemoClip, seed: int, accompaniment_db: float, accompaniment_spread_db: float
) -> Music:
    """Compose a clip's music: a melody of its label's instrument over its recording's band.

    All parts of a recording share players, key, tempo, chords, tuning and mix; the passage differs.

    Parameters
    ----------
    accompaniment_db : mean level of the accompaniment above the lead, in dB of RMS
    accompaniment_spread_db : half width in dB of that level's uniform distribution over recordings
    """
    recording = Random(f"{seed}/{clip.label}/{clip.group}")
    passage = Random(f"{seed}/{clip.label}/{clip.group}/{clip.part}")
    band = BANDS[clip.genre]
    beat_s = 60 / recording.uniform(*band.tempo)
    tonic = recording.randrange(12)
    scale = SCALES[recording.choice(("major", "major", "minor"))]
    progression = recording.choice(band.progressions)
    # In turn too, and each of four presets both in training and in testing.
    slot, presets = _slot(clip.group), PRESETS[clip.label]
    lead, low, high = presets[(slot + slot // TEST_EVERY) % len(presets)]
    low, high = _register(recording, low, high)
    rival, rival_low, rival_high = recording.choice(
        PRESETS[recording.choice([label for label in band.rivals if label != clip.label])]
    )
    rival_low, rival_high = _register(recording, rival_low, rival_high)
    chords, pattern = recording.choice(band.chords), recording.choice(band.patterns)
    bass = recording.choice(band.bass)
    chord_low = recording.randint(48, 62)
    pans = [recording.uniform(0.35, 0.65)] + [recording.uniform(0.15, 0.85) for _ in range(4)]
    loudness = recording.randint(70, 105)
    legato = recording.uniform(0.6, 1.0)
    chordal = clip.label in POLYPHONIC and recording.random() < 0.6
    music_db = accompaniment_db + recording.uniform(-1, 1) * accompaniment_spread_db
    peak_dbfs = recording.uniform(*PEAK_DBFS)
    tuning = recording.uniform(-0.2, 0.2)

    start_s = passage.uniform(0.5, 1.5)
    beats = int((start_s + CLIP_S) / beat_s) + 1
    first_bar = passage.randrange(len(progression))
    harmony = [
        [
            (tonic + scale[(progression[(first_bar + bar) % len(progression)] + third) % 7]) % 12
            for third in (0, 2, 4)
        ]
        for bar in range(beats // BEATS_PER_BAR + 1)
    ]
    keys = {(tonic + step) % 12 for step in scale}

    def melody(low: int, high: int, loudness: int, rhythm: tuple[float, ...]) -> list:
        return _melody(passage, harmony, keys, low, high, loudness, rhythm, beats)

    voices = [
        (lead, melody(low, high, loudness, band.rhythm), legato),
        (rival, melody(rival_low, rival_high, 85, tuple(2 * b for b in band.rhythm)), 0.9),
        (chords, _chords(passage, harmony, chord_low, pattern, beats), 0.95),
        (bass, _bass(passage, harmony, beats), 0.9),
    ]
    if chordal:
        voices[0] = (lead, _thicken(voices[0][1], keys, low), legato)
    tracks = [
        Track(program, pan, tuple(_play_notes(passage, notes, beat_s, sustain)))
        for (program, notes, sustain), pan in zip(voices, pans, strict=False)
    ]
    if band.drums:
        hits = _drums(passage, band.drums, beats)
        tracks.append(
            Track(band.kit, pans[-1], tuple(_play_notes(passage, hits, beat_s, 0.9)), drums=True)
        )
    return Music(start_s, tracks[0], tuple(tracks[1:]), music_db, peak_dbfs, tuning)


def _register(rng: Random, low: int, high: int) -> tuple[int, int]:
    """An octave and a fifth of an instrument's range, most often from the middle of it."""
    start = round(rng.triangular(low, high - REGISTER))
    return start, start + REGISTER


# Below, a note is (beat, beats, key, velocity) until `_play_notes` puts it into seconds.


def _melody(rng, harmony, keys, low, high, loudness, rhythm, beats) -> list:
    """A walk on the scale that meets the chord where a note begins a half of the bar."""
    ladder = [key for key in range(low, high + 1) if key % 12 in keys]
    rung = rng.randrange(len(ladder))
    notes, beat, rested = [], 0.0, True
    while beat < beats:
        length = rng.choice(rhythm)
        if not rested and rng.random() < 0.1:
            rested = True
            beat += min(length, 1)
            continue
        rested = False
        rung += rng.choice((-3, -2, -1, -1, 0, 1, 1, 2, 3))
        rung = min(max(rung, 0), len(ladder) - 1)
        if beat % 2 == 0:
            chord = harmony[int(beat) // BEATS_PER_BAR]
            rung = min(
                (r for r in range(len(ladder)) if ladder[r] % 12 in chord),
                key=lambda r: abs(r - rung),
            )
        notes.append((beat, length, ladder[rung], loudness + rng.randint(-14, 14)))
        beat += length
    return notes


def _thicken(notes, keys, low) -> list:
    """The melody with a third or fourth of the scale below each note that has room for it."""
    thick = []
    for beat, length, key, velocity in notes:
        thick.append((beat, length, key, velocity))
        below = [k for k in range(max(low, key - 5), key - 2) if k % 12 in keys]
        if below:
            thick.append((beat, length, below[-1], velocity - 10))
    return thick


def _chords(rng, harmony, low, pattern, beats) -> list:
    notes = []
    for beat in range(beats):
        chord = sorted(low + (tone - low) % 12 for tone in harmony[beat // BEATS_PER_BAR])
        velocity = rng.randint(60, 80)
        if pattern == "held" and beat % 2 == 0:
            notes += [(beat, 2, key, velocity) for key in chord]
        elif pattern == "struck":
            notes += [(beat, 1, key, velocity) for key in chord]
        elif pattern == "offbeat":
            notes += [(beat + 0.5, 0.5, key, velocity) for key in chord]
        elif pattern == "broken":
            first, second = chord[beat % 2], chord[2 - beat % 2]
            notes += [(beat, 0.5, first, velocity), (beat + 0.5, 0.5, second, velocity)]
    return notes


def _bass(rng, harmony, beats) -> list:
    notes = []
    for beat in range(0, beats, 2):
        root, _, fifth = harmony[beat // BEATS_PER_BAR]
        tone = root if beat % BEATS_PER_BAR == 0 else rng.choice((root, fifth))
        notes.append((beat, 2, 36 + (tone - 36) % 12, rng.randint(65, 85)))
    return notes


def _drums(rng, drums, beats) -> list:
    return [
        (bar + beat, 0.25, key, rng.randint(50, 80))
        for bar in range(0, beats, BEATS_PER_BAR)
        for key, falls in drums
        for beat in falls
    ]


def _play_notes(rng, notes, beat_s, sustain) -> list[Note]:
    """Notes in seconds, up to 15 ms off the beat as players are, held for `sustain` of theirs."""
    return [
        Note(beat * beat_s + rng.uniform(0, 0.015), length * beat_s * sustain, key, velocity)
        for beat, length, key, velocity in notes
    ]
