"""HDF5 files with a byte changed, a sector lost or their end cut off: refused, or as written."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from embedding_sensitivity.analysis.direction_store import read_directions, write_directions
from embedding_sensitivity.analysis.directions import LabelDirections
from embedding_sensitivity.clips.audio import AudioBatch, write_batch
from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.embeddings.store import read_header, read_rows, read_store, write_store
from embedding_sensitivity.files.errors import InputError

CLIPS = ["[cel]a", "é", "x", "y"]
LEVELS = ["-40.0", "0.5"]
ATTRIBUTES = {"model": "logmel", "protocol": {"audio": "pcm16"}, "effect": "gain"}
# A case that takes longer hangs.
SECONDS = 120


def random_array(*shape: int, dtype=np.float32) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def write_embeddings(path: Path) -> None:
    write_store(path, random_array(2, 4, 64), CLIPS, LEVELS, ATTRIBUTES)


def read_embeddings(path: Path) -> list:
    header, store = read_header(path), read_store(path)
    rows = read_rows(path, CLIPS[::-1])
    np.testing.assert_array_equal(rows[:, ::-1], store.embeddings)
    assert header.attributes == store.attributes
    return [store.embeddings, store.levels, store.clips, store.attributes]


def write_fitted(path: Path) -> None:
    directions = LabelDirections(
        subspaces={
            "global_cca": random_array(1, 16, dtype=float),
            "regularised": random_array(1, 16, dtype=float),
            "samplewise_cca_svd": random_array(4, 16, dtype=float),
        },
        saturated=True,
        samplewise=random_array(4, 16, dtype=float),
        ranks=np.arange(4),
        singular_values=random_array(4, dtype=float),
        penalty=0.01,
    )
    write_directions(path, [("cello", CLIPS, directions)], ATTRIBUTES)


def read_fitted(path: Path) -> list:
    found = read_directions(path, {"cello": CLIPS}, ATTRIBUTES)["cello"]
    basis = [*sorted(found.subspaces), *(found.subspaces[name] for name in sorted(found.subspaces))]
    fitted = found.saturated, found.penalty, found.samplewise, found.ranks, found.singular_values
    return [*basis, *fitted]


def write_audio(path: Path) -> None:
    clips = [
        Clip(name, f"{name}.wav", "cello", "", name, "train", 0.01, 44100, 2, "", 50 + row, row)
        for row, name in enumerate(CLIPS)
    ]
    protocol = {"audio": "pcm16"}
    with write_batch(path, levels=LEVELS, clips=clips, effect="gain", protocol=protocol) as file:
        for level in range(2):
            for index, clip in enumerate(clips):
                file.write(level, index, 0.1 * random_array(clip.frames, 2))


def read_audio(path: Path) -> list:
    batch = AudioBatch(path)
    words = [batch.levels, batch.clips, batch.effect, batch.samplerate, batch.protocol]
    audio = [batch.samples(level, clip) for level in range(2) for clip in range(len(batch.clips))]
    return [*words, batch.package_versions, *audio]


KINDS = {
    "embeddings": (write_embeddings, read_embeddings),
    "directions": (write_fitted, read_fitted),
    "audio": (write_audio, read_audio),
}


def changes(content: bytes) -> list[tuple[str, bytes]]:
    """Every byte changed once, every sector and page zeroed, the end cut off at many lengths."""
    generator = random.Random(0)
    found = []
    for at in range(len(content)):
        changed = bytes([content[at] ^ generator.randrange(1, 256)])
        found.append((f"byte {at}", content[:at] + changed + content[at + 1 :]))
    for size in (64, 512, 4096):
        for at in range(0, len(content), size):
            lost = content[:at] + bytes(len(content[at : at + size])) + content[at + size :]
            if lost != content:
                found.append((f"{size} bytes lost at {at}", lost))
    for length in range(0, len(content), 23):
        found.append((f"cut to {length}", content[:length]))
    return found


def same(found: list, expected: list) -> bool:
    """Whether two results have the same values, types and shapes."""
    return len(found) == len(expected) and all(
        type(a) is type(b)
        and (np.array_equal(a, b) and a.dtype == b.dtype if isinstance(a, np.ndarray) else a == b)
        for a, b in zip(found, expected, strict=True)
    )


def outcomes(kind: str, folder: Path) -> dict[str, int | list[str]]:
    """Read a file of `kind` after each change: how many were refused or as written, which wrong."""
    import faulthandler

    write, read = KINDS[kind]
    path = folder / f"{kind}.h5"
    write(path)
    expected = read(path)
    counts = {"refused": 0, "as written": 0, "wrong": []}
    for number, (what, content) in enumerate(changes(path.read_bytes())):
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        path.unlink()  # HDF5 knows an open file by its inode: each case has one of its own
        path.write_bytes(content)
        os.utime(path, ns=(number, number))  # a file that was checked is not checked again
        try:
            found = read(path)
        except InputError as error:
            wanted = str(path) in str(error) and "delete it and run again" in str(error)
            if wanted and "\n" not in str(error):
                counts["refused"] += 1
            else:
                counts["wrong"].append(f"{what}: {error}")
        except Exception as error:
            counts["wrong"].append(f"{what}: {type(error).__name__}: {error}")
        else:
            if same(found, expected):
                counts["as written"] += 1
            else:
                counts["wrong"].append(f"{what}: other content")
    faulthandler.cancel_dump_traceback_later()
    return counts


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_refused_or_read_as_written(tmp_path, kind):
    """In a process of its own, which HDF5 might crash or hang."""
    library = Path(__file__).resolve().parents[2] / "workflow_scripts"
    command = f"""
import sys
sys.path[:0] = {[str(library), str(Path(__file__).parent)]!r}
import json, pathlib, test_damaged_files
print(json.dumps(test_damaged_files.outcomes({kind!r}, pathlib.Path({str(tmp_path)!r}))))
"""
    # On the path of this process: pytest, which the environment itself doesn't have.
    options = {"capture_output": True, "text": True, "timeout": 1200}
    path = f"import sys\nsys.path[:] = {sys.path!r}\n"
    done = subprocess.run([sys.executable, "-c", path + command], **options)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["wrong"] == []
    # What is as written has a byte changed that nothing is read from, as between two objects.
    assert counts["refused"] > 2000
    print(kind, counts)
