"""The embedding scripts: what they write, and what they refuse to embed."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

import assemble_effect
import embed_clips
import embed_original
from embedding_sensitivity.clips.audio import AudioBatch, from_pcm16, to_pcm16, write_batch
from embedding_sensitivity.clips.clip import Clip, read_clips, write_clips
from embedding_sensitivity.effects import EFFECTS
from embedding_sensitivity.effects.rendering import render_batch
from embedding_sensitivity.embeddings.embedding import Embedder
from embedding_sensitivity.embeddings.store import read_store
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from support import mock_snakemake

SAMPLERATE = 44100
LEVELS = ["-6.0", "0.0"]
PROTOCOL = {"audio": "pcm16"}


def noise(index: int) -> np.ndarray:
    return np.random.default_rng(index).uniform(-0.5, 0.5, (4000 + index, 2)).astype(np.float32)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three clips, one of them outside the split, their index, and a batch of two levels."""
    clips = []
    for index, name in enumerate(("a", "b", "c")):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, from_pcm16(to_pcm16(noise(index))), SAMPLERATE, subtype="PCM_16")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        split = "" if name == "b" else "train"
        row = -1 if name == "b" else 1 - index // 2
        clips.append(
            Clip(name, str(path), "cello", "", name, split, 0.5, SAMPLERATE, 2, sha256,
                 4000 + index, row)
        )  # fmt: skip
    write_clips(tmp_path / "clips.csv", clips)
    kept = [clips[0], clips[2]]
    with write_batch(
        tmp_path / "0.h5", levels=LEVELS, clips=kept, effect="gain", protocol=PROTOCOL
    ) as writer:
        for row, index in enumerate((0, 2)):
            writer.write(0, row, noise(index) / 2)
            writer.write(1, row, noise(index))
    return tmp_path


def job(folder: Path, output: str, batch_size: int | str = "auto", **changes):
    params = {
        "model": "logmel",
        "options": {},
        "effect": "gain",
        "unit": "dB",
        "levels": LEVELS,
        "protocol": PROTOCOL,
        "published": [],
    }
    return mock_snakemake(
        "test",
        input={"audio": folder / "0.h5", "clips": folder / "clips.csv", "weights": []},
        output=folder / output,
        params={**params, **changes},
        resources={"device": "auto", "batch_size": batch_size},
    )


def test_clips_of_other_lengths_at_each_level_are_embedded(folder):
    """Four times the length, and two thirds of it: each row is that of its own audio."""
    clips = [clip for clip in read_clips(folder / "clips.csv") if clip.split]
    effect, levels = EFFECTS["time_stretch"], ["0.25", "1", "1.5"]
    protocol = {"audio": "float32"}
    render_batch(clips, effect, levels, protocol, folder / "0.h5")
    given = {"effect": "time_stretch", "levels": levels, "protocol": protocol}
    embed_clips.main(job(folder, "part.h5", unit="", **given))
    part, batch = read_store(folder / "part.h5"), AudioBatch(folder / "0.h5")
    model = choose("logmel").load()
    for index, level in enumerate(levels):
        for row, name in enumerate(part.clips):
            audio = batch.clip(index, row)
            clip = next(clip for clip in clips if clip.clip == name)
            assert len(audio) == effect.n_frames(float(level), clip.frames)
            (expected,) = model.embed([model.prepare(audio, SAMPLERATE)])["embedding"]
            np.testing.assert_allclose(part.embeddings[index, row], expected, rtol=1e-5, atol=1e-5)


def test_parts_and_originals_hold_every_clip_and_say_what_made_them(folder):
    embed_clips.main(job(folder, "part.h5"))
    embed_original.main(job(folder, "original.h5", protocol={}))
    part, original = read_store(folder / "part.h5"), read_store(folder / "original.h5")
    assert (part.levels, part.clips, original.clips) == (LEVELS, ["a", "c"], ["a", "c"])
    model = choose("logmel").load()
    expected = model.embed([model.prepare(noise(index), SAMPLERATE) for index in (0, 2)])[
        "embedding"
    ]
    np.testing.assert_allclose(part.embeddings[1], expected, atol=0.01)  # 16-bit rounding
    np.testing.assert_array_equal(part.embeddings[1], original.embeddings)
    quieter = part.embeddings[1] - part.embeddings[0]
    np.testing.assert_allclose(quieter[:, :128], 20 * np.log10(2), atol=0.05)
    for store in (part, original):
        assert {
            "schema_version", "model", "backend", "options", "weights_sha256", "protocol",
            "package_versions", "audio_package_versions", "effect", "unit", "config_sha256",
            "data_sha256", "control",
        } == set(store.attributes)  # fmt: skip
    assert part.attributes["unit"] == "dB"
    assert part.attributes["control"] == "handcrafted"
    assert part.attributes["data_sha256"] == original.attributes["data_sha256"]
    assert '"numpy": "' in part.attributes["package_versions"]


def test_batches_do_not_show(folder):
    embed_clips.main(job(folder, "single.h5", batch_size=1))
    embed_clips.main(job(folder, "batch.h5", batch_size=3))
    assert (folder / "single.h5").read_bytes() == (folder / "batch.h5").read_bytes()


def test_an_effect_is_assembled_from_its_parts(folder):
    embed_clips.main(job(folder, "part.h5"))
    attributes = {"model": "logmel", "protocol": PROTOCOL, "effect": "gain", "unit": "dB"}
    script = mock_snakemake(
        "assemble_effect",
        input={"parts": [folder / "part.h5"]},
        output=folder / "gain.h5",
        params={"levels": ["0.0"], "attributes": attributes},
    )
    assemble_effect.main(script)
    store = read_store(folder / "gain.h5")
    assert store.levels == ["0.0"]
    np.testing.assert_array_equal(store.embeddings[0], read_store(folder / "part.h5").embeddings[1])
    script.params.attributes = {**attributes, "protocol": {"audio": "float32"}}
    with pytest.raises(InputError, match=r"part\.h5: attribute protocol is"):
        assemble_effect.main(script)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"levels": ["-6.0"]}, r"0\.h5: levels is"),
        ({"effect": "reverb"}, r"0\.h5: effect is gain, expected reverb"),
        ({"protocol": {"audio": "float32"}}, r"protocol audio is pcm16, expected float32"),
        ({"options": {"layer": "mean_pool"}}, r"models\.logmel\.layer"),
        ({"model": "musicn"}, r"did you mean musicnn"),
    ],
)
def test_audio_or_options_that_were_not_asked_for_are_refused(folder, changes, message):
    with pytest.raises(InputError, match=message):
        embed_clips.main(job(folder, "part.h5", **changes))
    assert not (folder / "part.h5").exists()


def test_audio_of_other_clips_is_refused(folder):
    clip = Clip("a", "a.wav", "cello", "", "a", "train", 0.5, SAMPLERATE, 2, "", 4000, 0)
    write_clips(folder / "clips.csv", [clip])
    with pytest.raises(InputError, match=r"0\.h5: has 2 clips, which are not the 1"):
        embed_clips.main(job(folder, "part.h5"))


OWN_MODEL = """
from embedding_sensitivity.models import Backend, Model


def prepare(audio, samplerate):
    return audio[:1] * samplerate


class Own:
    weights_sha256 = "0" * 64
    prepare = staticmethod(prepare)
    batch_size = 2

    def embed(self, prepared):
        import numpy as np

        return {"embedding": np.concatenate(prepared)}


MODEL = Model(load=lambda setup: Own(), samplerate=44100, views={"embedding": 2},
              backends={"numpy": Backend("audio", ("numpy",))})
"""


def read_numbered(index: int) -> np.ndarray:
    return np.full((3, 2), index, np.float32)


def test_worker_processes_prepare_clips_for_a_users_own_model(tmp_path):
    """They import its file, which no module's name leads to."""
    file = tmp_path / "own.py"
    file.write_text(OWN_MODEL, encoding="utf-8")
    choice = choose("own", {"file": str(file)})
    embedder = Embedder(choice.load(), 2, n_processes=2, file=choice.given["file"])
    rows = embedder.embed(read_numbered, [(index,) for index in range(5)], 10)
    np.testing.assert_array_equal(rows[:, 0], 10 * np.arange(5))
