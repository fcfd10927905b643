"""aiSFX equals its package's own functions, with essentia's front end, on the package's weights."""

import builtins
import io
import pickle
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from embedding_sensitivity.models.aisfx import model as ours
from support import chord, relative

PACKAGE = Path(find_spec("aisfx").submodule_search_locations[0])


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """The file that rule `convert_weights` writes."""
    path = tmp_path_factory.mktemp("weights") / "aisfx.pth"
    choose("aisfx").convert_weights(path)
    return path


@pytest.fixture(scope="module")
def model(converted):
    return choose("aisfx").load(converted)


@pytest.fixture(scope="module")
def upstream():
    """The package's function from a folder of audio to embeddings, (blocks, 512), by name."""
    from aisfx import inference

    def embed(folder: Path, results: Path) -> dict[str, np.ndarray]:
        with pytest.MonkeyPatch.context() as patch:
            # The package's call is of PyTorch before 2.6, and this file's hash is checked.
            load = torch.load
            patch.setattr(torch, "load", lambda *a, **k: load(*a, weights_only=False, **k))
            with redirect_stdout(io.StringIO()):
                inference.main(str(folder), str(results), use_cuda=False)
        return {path.stem: np.load(path) for path in results.iterdir()}

    return embed


def embed(model, audio, samplerate: int = 44100) -> np.ndarray:
    return model.embed([model.prepare(audio, samplerate)])["embedding"][0]


def test_equals_the_packages_own_function(model, upstream, tmp_path):
    clips = {
        "stereo": chord(3), "mono": chord(3, seed=1, channels=1), "long": chord(7.3, seed=2),
        "padded": chord(1.5, seed=3), "quiet": chord(3, seed=4) / 1000,
        "silence": np.zeros((132300, 2), np.float32),
    }  # fmt: skip
    (tmp_path / "clips").mkdir()
    for name, clip in clips.items():
        soundfile.write(tmp_path / "clips" / f"{name}.wav", clip, 44100, subtype="FLOAT")
    found = upstream(tmp_path / "clips", tmp_path / "found")
    assert {name: len(rows) for name, rows in found.items()} == {
        "stereo": 1, "mono": 1, "long": 5, "padded": 1, "quiet": 1, "silence": 1,
    }  # fmt: skip
    for name, rows in found.items():
        blocks = model.prepare(clips[name], 44100)
        assert len(blocks) == len(rows)
        singles = [model.embed([block[None]])["embedding"][0] for block in blocks]
        assert relative(np.array(singles), rows) <= 1e-5, name
        assert relative(embed(model, clips[name]), rows.mean(axis=0)) <= 1e-5, name


def test_the_spectrogram_has_the_bits_of_the_packages(tmp_path):
    from aisfx import inference
    from aisfx.spectrogram.spectrogram_essentia import compute_spectrogram

    for number, seconds in enumerate((3, 0.1, 2.5)):
        clip = chord(seconds, seed=number, channels=1)
        soundfile.write(tmp_path / "clip.wav", clip, 44100, subtype="FLOAT")
        expected = compute_spectrogram(
            str(tmp_path / "clip.wav"), sr=inference.SAMPLE_RATE,
            block_size=inference.SPEC_BLOCK_LENGTH, hop_size=inference.SPEC_HOP_LENGTH,
            n_mels=inference.MEL_BINS, f_min=inference.F_MIN, f_max=inference.F_MAX,
        )  # fmt: skip
        found = ours.spectrogram(clip[:, 0])
        assert found.dtype == np.float32 and found.shape == expected.shape
        np.testing.assert_array_equal(found, expected)


def test_noise_that_the_package_adds_to_near_silence_is_left_out(model, upstream, tmp_path):
    """What docs/models.md says of it: 1e-6 of the embedding, and here it is always the same."""
    clip = np.random.default_rng(0).normal(0, 1e-6, (132300, 1)).astype(np.float32)
    (tmp_path / "clips").mkdir()
    soundfile.write(tmp_path / "clips" / "clip.wav", clip, 44100, subtype="FLOAT")
    expected = upstream(tmp_path / "clips", tmp_path / "found")["clip"][0]
    found = embed(model, clip)
    assert relative(found, expected) <= 1e-5
    np.testing.assert_array_equal(ours.spectrogram(clip[:, 0]), ours.spectrogram(clip[:, 0]))


def test_gain_is_seen():
    """The package's front end `librosa`, which is not offered, divides by the clip's peak."""
    clip = chord(3, channels=1)[:, 0]
    assert relative(ours.spectrogram(clip / 10), ours.spectrogram(clip)) > 0.1


def test_blocks_are_of_100_frames_every_50_at_the_rate_of_the_training():
    assert choose("aisfx").model.samplerate == 44100
    # 100 and 150 frames: the first reaches 1024 samples beyond its centre.
    for n_frames, n_blocks in ((2, 1), (45, 1), (50, 1), (99, 1), (100, 1), (149, 1), (150, 2)):
        clip = chord((n_frames - 1) * 1024 / 44100, channels=1)
        assert len(ours.spectrogram(clip[:, 0])) == n_frames
        assert ours.blocks(clip, 44100).shape == (n_blocks, 100, 96)
    assert ours.blocks(np.zeros((0, 1), np.float32), 44100).shape == (1, 100, 96)
    short = ours.blocks(chord(1), 44100)[0]
    assert short[:40].any(axis=1).all() and not short[46:].any()


def test_a_batch_embeds_as_single_clips_do(model):
    clips = [chord(s, seed=seed) for seed, s in enumerate([3, 6.5, 0.4, 3, 3])]
    prepared = [model.prepare(clip, 44100) for clip in clips]
    single = np.stack([embed(model, clip) for clip in clips])
    batch = model.embed(prepared)["embedding"]
    for row, alone in zip(batch, single, strict=True):
        assert relative(row, alone) <= 1e-6
    np.testing.assert_allclose(model.embed(prepared[::-1])["embedding"][::-1], batch, rtol=1e-4)
    assert relative(single[0], single[3]) > 1e-2


def test_converted_weights_are_those_of_the_package(converted, model):
    again = converted.with_name("again.pth")
    choose("aisfx").convert_weights(again)
    assert again.read_bytes() == converted.read_bytes()
    alone = choose("aisfx").load()
    assert alone.weights_sha256 == model.weights_sha256 == ours.NETWORK_SHA256
    whole, _ = torch.load(PACKAGE / ours.CHECKPOINT, map_location="cpu", weights_only=False)
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, whole[f"embedding_net.{name}"])


class Runs:
    """A pickle that would run code."""

    def __reduce__(self):
        return builtins.exec, ("raise SystemExit('code of weights was run')",)


def test_a_checkpoint_with_code_is_refused_and_never_run(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    path = tmp_path / ours.CHECKPOINT
    torch.save(({"embedding_net.x": torch.zeros(1)}, Runs()), path)
    monkeypatch.setattr(
        ours, "find_spec", lambda name: type("S", (), {"submodule_search_locations": [tmp_path]})
    )
    with pytest.raises(InputError, match=r"checkpoint\.pth is not the file of version 0\.1\.2"):
        choose("aisfx").load()
    # Even if it had the hash.
    monkeypatch.setattr(ours, "CHECKPOINT_SHA256", ours.sha256_of(path))
    with pytest.raises(pickle.UnpicklingError, match="GLOBAL exec was not an allowed"):
        choose("aisfx").load()
    path.unlink()
    with pytest.raises(InputError, match=r"checkpoint\.pth is not the file"):
        choose("aisfx").convert_weights(tmp_path / "aisfx.pth")
    monkeypatch.setattr(ours, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="package aisfx: not installed here"):
        choose("aisfx").load()


def test_files_that_are_not_the_packages_weights_are_refused(converted, tmp_path):
    path = tmp_path / "aisfx.pth"
    path.write_bytes(converted.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"aisfx\.pth: is truncated or corrupt"):
        choose("aisfx").load(path)
    torch.save({"conv": torch.zeros(3)}, path)
    with pytest.raises(InputError, match=r"aisfx\.pth: not the weights of aiSFX"):
        choose("aisfx").load(path)
    choose("aisfx-untrained").write_initial(path)
    with pytest.raises(InputError, match=r"aisfx\.pth: the network's tensors have sha256 .* again"):
        choose("aisfx").load(path)


def test_untrained_weights_follow_the_seed_and_read_back(tmp_path, model):
    path = tmp_path / "untrained.pth"
    options = {"seed": 7}
    choose("aisfx-untrained", options).write_initial(path)
    hashes = [
        choose("aisfx-untrained", options).load(path).weights_sha256,
        choose("aisfx-untrained", options).load().weights_sha256,
        choose("aisfx-untrained", {"seed": 8}).load().weights_sha256,
        model.weights_sha256,
    ]
    assert hashes[0] == hashes[1] and len(set(hashes)) == 3
    untrained = choose("aisfx-untrained", options).load(path)
    assert relative(embed(untrained, chord(3)), embed(untrained, chord(3, seed=1))) > 1e-3
    with pytest.raises(InputError, match="has no weights in a package"):
        choose("aisfx-untrained").convert_weights(path)
