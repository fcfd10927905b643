"""CLAP equals msclap's own wrapper, both networks and both protocols; its crop is seeded."""

import logging
import pickle
import random

import numpy as np
import pytest
import soundfile
import torch

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from embedding_sensitivity.models.clap import model as clap
from embedding_sensitivity.models.shared import torch_model
from support import chord, relative

VERSIONS = {"clap": "2023", "clap_2022": "2022"}
INPUTS = ["concatenated", "mono"]
CROP_SEED = 20220419


def load(model: str, path, clap_input: str = "concatenated", **options):
    return choose(model, options).load(path, protocol={"clap_input": clap_input})


@pytest.fixture(scope="module")
def models(untrained):
    chosen = [("clap", "concatenated"), ("clap", "mono"), ("clap_2022", "mono")]
    return {(model, given): load(model, untrained(model), given) for model, given in chosen}


@pytest.mark.parametrize("model", ["clap", pytest.param("clap_2022", marks=pytest.mark.more)])
def test_equals_upstreams_wrapper(model, checkpoint, msclap, clips, tmp_path):
    path = checkpoint(model)
    upstream = msclap(str(path), version=VERSIONS[model])
    args, version = upstream.args, clap.VERSIONS[VERSIONS[model]]
    of_version = (args.audioenc_name, args.out_emb, args.fmax, args.duration)
    assert of_version == (version.encoder, version.features, version.fmax, version.seconds)
    assert (args.sampling_rate, args.d_proj) == (clap.SAMPLERATE, clap.DIMENSION)
    assert (args.window_size, args.hop_size, args.mel_bins) == (1024, 320, 64)
    assert (args.fmin, args.num_classes) == (50, 527)
    found, expected = {}, {}
    for clap_input in INPUTS:
        ours = load(model, path, clap_input)
        prepared = []
        for clip in clips:
            audio, samplerate = soundfile.read(clip, dtype="float32", always_2d=True)
            prepared.append(ours.prepare(audio, samplerate))
            if clap_input == "mono":  # upstream gets the mean as a file of one channel
                soundfile.write(tmp_path / clip.name, audio.mean(axis=1), samplerate, "FLOAT")
                clip = tmp_path / clip.name
            random.seed(CROP_SEED)  # of the 2022 network's 5 s from 6 s of left and right
            embedding = upstream.get_audio_embeddings([str(clip)])
            expected[clap_input, clip.name] = embedding.numpy()[0]
        rows = ours.embed(prepared)["embedding"]
        assert rows.shape == (len(clips), 1024)
        assert rows.dtype == np.float32
        for clip, row in zip(clips, rows, strict=True):
            found[clap_input, clip.name] = row
    for key, row in found.items():
        assert relative(row, expected[key]) <= 1e-5, key
    stereo = [found[clap_input, "stereo.wav"] for clap_input in INPUTS]
    assert relative(*stereo) > 1e-3
    mono = [found[clap_input, "short_mono.wav"] for clap_input in INPUTS]
    assert relative(*mono) <= 1e-6


@pytest.mark.parametrize("model", VERSIONS)
def test_a_long_clip_is_cut_as_upstream_would_after_seeding(model, msclap, untrained):
    upstream = msclap(str(untrained(model)), version=VERSIONS[model])
    long = chord(9)
    upstream.read_audio = lambda path, resample: (torch.from_numpy(long.T.copy()), 44100)
    ours = load(model, untrained(model), crop_seed=3)
    random.seed(3)
    expected = upstream.preprocess_audio(["long"], True)[0, 0].numpy()
    np.testing.assert_array_equal(ours.prepare(long, 44100), expected)


@pytest.mark.parametrize("model", VERSIONS)
def test_the_cut_depends_on_the_clips_length_alone(model, models, untrained):
    prepare = models[model, "mono"].prepare
    ramp = np.arange(9 * 44100, dtype=np.float32)[:, None]
    random.seed(1)
    first = prepare(ramp, 44100)
    state = random.getstate()
    np.testing.assert_array_equal(prepare(2 * ramp, 44100), 2 * first)
    np.testing.assert_array_equal(prepare(ramp, 44100), first)
    assert random.getstate() == state  # nor does it change what others draw
    other = load(model, untrained(model), "mono", crop_seed=1).prepare(ramp, 44100)
    assert other[0] != first[0]
    assert len(first) == clap.VERSIONS[VERSIONS[model]].seconds * 44100


def test_channels_follow_one_another_until_the_input_is_full(models):
    audio = chord(3)
    left, right = audio.T
    second = 44100
    np.testing.assert_array_equal(
        models["clap", "concatenated"].prepare(audio, 44100),
        np.concatenate([left, right, left[:second]]),
    )
    mean = (left + right) / 2
    np.testing.assert_array_equal(
        models["clap", "mono"].prepare(audio, 44100),
        np.concatenate([mean, mean, mean[:second]]),
    )


@pytest.mark.parametrize("model", VERSIONS)
def test_a_batch_embeds_as_single_clips_do(model, models):
    ours = models[model, "mono"]
    prepared = [ours.prepare(chord(s, seed=seed), 44100) for seed, s in enumerate([3, 1, 9])]
    batch = ours.embed(prepared)["embedding"]
    single = np.concatenate([ours.embed([clip])["embedding"] for clip in prepared])
    for one, other in zip(batch, single, strict=True):
        assert relative(one, other) <= 1e-6
    np.testing.assert_array_equal(ours.embed(prepared)["embedding"], batch)
    assert relative(batch[0], batch[1]) > 1e-3


def test_other_rates_and_empty_clips(models):
    for (model, _), ours in models.items():
        length = clap.VERSIONS[VERSIONS[model]].seconds * 44100
        for samplerate in (22050, 48000):
            audio = chord(1, samplerate)
            prepared = ours.prepare(audio, samplerate)
            assert prepared.shape == (length,)
            assert prepared.dtype == np.float32
        np.testing.assert_array_equal(
            ours.prepare(np.zeros((0, 2), np.float32), 44100), np.zeros(length, np.float32)
        )


def test_prepare_goes_to_worker_processes(models):
    for ours in models.values():
        prepare = pickle.loads(pickle.dumps(ours.prepare))
        np.testing.assert_array_equal(prepare(chord(1), 44100), ours.prepare(chord(1), 44100))


@pytest.mark.parametrize("model", VERSIONS)
def test_the_other_versions_weights_are_refused(model, untrained):
    (other,) = set(VERSIONS) - {model}
    with pytest.raises(
        InputError, match=f"not the weights of CLAP {VERSIONS[model]} .*size mismatch"
    ):
        load(model, untrained(other))


def test_a_checkpoint_without_audio_encoder_is_refused(tmp_path):
    for contents, message in [
        ({"weights": {}}, "no entry `model`"),
        ({"model": [1]}, "no entry `model`"),
        ({"model": {"caption_encoder.x": torch.zeros(1)}}, "not the weights of CLAP 2023"),
    ]:
        torch.save(contents, tmp_path / "weights.pth")
        with pytest.raises(InputError, match=rf"weights\.pth: .*{message}"):
            load("clap", tmp_path / "weights.pth")


def test_the_rest_of_a_checkpoint_is_left_out(untrained, models, tmp_path):
    contents = torch_model.read_checkpoint(untrained("clap"))
    contents["model"]["caption_encoder.projection.linear1.weight"] = torch.zeros(3)
    torch.save(contents, tmp_path / "weights.pth")
    both = load("clap", tmp_path / "weights.pth", "mono")
    ours = models["clap", "mono"]
    assert both.weights_sha256 != ours.weights_sha256
    prepared = [ours.prepare(chord(1), 44100)]
    np.testing.assert_array_equal(
        both.embed(prepared)["embedding"], ours.embed(prepared)["embedding"]
    )


def test_names_that_upstream_ignores_may_be_more_or_computed_ones_fewer(
    untrained, models, tmp_path, caplog
):
    """As msclap loads them, ``strict=False``, as long as nothing learnt is missing."""
    caplog.set_level(logging.INFO)
    ours = models["clap", "mono"]
    prepared = [ours.prepare(chord(1), 44100)]
    contents = torch_model.read_checkpoint(untrained("clap"))
    weights = contents["model"]
    block = "audio_encoder.base.htsat.layers.0.blocks.1"
    weights[f"{block}.attn.unknown"] = torch.zeros(3)
    for name in (
        f"{block}.attn_mask",
        f"{block}.attn.relative_position_index",
        "audio_encoder.base.htsat.bn0.num_batches_tracked",
        "audio_encoder.base.htsat.spectrogram_extractor.stft.conv_real.weight",
        "audio_encoder.base.htsat.logmel_extractor.melW",
    ):
        del weights[name]
    torch.save(contents, tmp_path / "weights.pth")
    lenient = load("clap", tmp_path / "weights.pth", "mono")
    np.testing.assert_array_equal(
        lenient.embed(prepared)["embedding"], ours.embed(prepared)["embedding"]
    )
    assert "1 entries that CLAP 2023 does not have are ignored" in caplog.text

    for name in (
        f"{block}.attn.qkv.weight",
        "audio_encoder.base.htsat.bn0.running_mean",
        "audio_encoder.projection.layer_norm.bias",
    ):
        torch.save(
            {"model": {key: value for key, value in weights.items() if key != name}},
            tmp_path / "weights.pth",
        )
        lost = name.removeprefix("audio_encoder.")
        with pytest.raises(InputError, match=rf"not the weights of CLAP 2023 .*Missing: {lost}"):
            load("clap", tmp_path / "weights.pth")

    weights[f"{block}.attn.qkv.weight"] = torch.zeros(3, 3)
    torch.save(contents, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=r"CLAP 2023 .*size mismatch for .*attn\.qkv\.weight"):
        load("clap", tmp_path / "weights.pth")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("model", VERSIONS)
def test_a_gpu_embeds_as_the_cpu_does(model, models, untrained):
    on_cpu = models[model, "mono"]
    protocol = {"clap_input": "mono"}
    on_gpu = choose(model).load(untrained(model), device="cuda:0", protocol=protocol)
    prepared = [on_gpu.prepare(chord(s, seed=seed), 44100) for seed, s in enumerate((3, 1, 9))]
    assert (
        relative(on_gpu.embed(prepared)["embedding"], on_cpu.embed(prepared)["embedding"]) <= 1e-5
    )


def test_untrained_weights_follow_the_seed_and_read_back(untrained, tmp_path, monkeypatch):
    monkeypatch.setattr(torch_model, "N_PINK_CLIPS", 2)
    content = untrained("clap").read_bytes()
    choose("clap-untrained").write_initial(tmp_path / "again.pth")
    assert (tmp_path / "again.pth").read_bytes() == content
    from_seed = load("clap-untrained", None)
    assert from_seed.weights_sha256 == load("clap", untrained("clap")).weights_sha256
    assert load("clap-untrained", None, seed=8).weights_sha256 != from_seed.weights_sha256
    bands = clap.network(clap.VERSIONS["2023"]).base.htsat.bn0
    weights = torch_model.read_checkpoint(untrained("clap"))["model"]
    mean = weights["audio_encoder.base.htsat.bn0.running_mean"]
    assert mean.shape == bands.running_mean.shape
    assert mean.max() < 30 and mean.min() > -60  # dB; before calibration 0
    assert (mean != 0).all()
