"""Encoders of the package transformers against upstream's own classes, on small checkpoints."""

import json

import numpy as np
import pytest
import torch
import upstream
from checkpoints import KINDS, make

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from embedding_sensitivity.models.hub.families import FAMILIES
from embedding_sensitivity.models.hub.network import convert, prepare
from support.model_contract import check_model

SPEECH = [name for name, family in FAMILIES.items() if family.normalises]
LAYERED = [*SPEECH, "whisper", "ast"]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """Function from a kind to its checkpoint, which a test must not change."""
    made = {}

    def get(name: str):
        if name not in made:
            made[name] = make(name, tmp_path_factory.mktemp(name))
        return made[name]

    return get


def load(made, name, **entry):
    """Choose and load a checkpoint of a folder as a run does."""
    normalise = {"normalise": False} if name in SPEECH else {}
    choice = choose("net", {"transformers": str(made.folder), **normalise, **entry})
    return choice, choice.load()


def noise(seconds: float, samplerate: int, seed: int = 0) -> np.ndarray:
    """Noise that fades, so that frames differ: (n,) float32."""
    n = int(seconds * samplerate)
    random = np.random.default_rng(seed)
    return (random.standard_normal(n) * np.geomspace(0.3, 0.01, n)).astype(np.float32)


def close(found: np.ndarray, expected: np.ndarray, tolerance: float = 1e-5) -> bool:
    return np.linalg.norm(found - expected) <= tolerance * np.linalg.norm(expected)


def test_every_architecture_has_a_checkpoint():
    assert set(KINDS) == set(FAMILIES)


@pytest.mark.parametrize("name", KINDS)
def test_a_checkpoint_gives_what_upstream_gives(name, checkpoint):
    made = checkpoint(name)
    samplerate = made.kind.samplerate
    choice, model = load(made, name)
    assert choice.options["like"] == name and choice.model.samplerate == samplerate
    tone = np.sin(2 * np.pi * 440 * np.arange(samplerate) / samplerate).astype(np.float32)
    clips = [noise(1, samplerate), noise(2.5, samplerate, 1), tone]
    prepared = [model.prepare(clip[:, None], samplerate) for clip in clips]
    together = model.embed(prepared)["embedding"]
    pooling = choice.options.get("pooling")
    if name in SPEECH:
        made.extractor.do_normalize = False
    for clip, row, input_ in zip(clips, together, prepared, strict=True):
        np.testing.assert_array_equal(input_, clip[None])
        assert close(row, upstream.embed(made, name, clip, "last", pooling))
        (alone,) = model.embed([input_])["embedding"]
        assert close(alone, row)
    assert not close(together[0], together[2], 1e-4)


@pytest.mark.parametrize("name", LAYERED)
@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_one_pass_gives_every_layer(name, pooling, checkpoint):
    made = checkpoint(name)
    choice, model = load(made, name, layers="all", pooling=pooling)
    clip = noise(1.3, made.kind.samplerate)
    if name in SPEECH:
        made.extractor.do_normalize = False
    (row,) = model.embed([model.prepare(clip[:, None], made.kind.samplerate)])["embedding"]
    assert list(choice.analysed) == ["net.00", "net.01", "net.02"]
    for layer, (start, stop) in enumerate(choice.analysed.values()):
        expected = upstream.embed(made, name, clip, layer, pooling)
        assert close(row[start:stop], expected), layer
    # Fewer layers are columns of the same.
    some, of_some = load(made, name, layers=[0, 2], pooling=pooling)
    (few,) = of_some.embed([of_some.prepare(clip[:, None], made.kind.samplerate)])["embedding"]
    assert list(some.analysed) == ["net.00", "net.02"]
    assert close(few, np.concatenate([row[:32], row[64:]]), 1e-6)


def test_an_ast_has_a_token_for_the_class(checkpoint):
    made = checkpoint("ast")
    clip = noise(1.3, 16000)
    _, model = load(made, "ast", pooling="cls", layers=[1])
    (row,) = model.embed([model.prepare(clip[:, None], 16000)])["embedding"]
    assert close(row, upstream.embed(made, "ast", clip, 1, "cls"))


@pytest.mark.parametrize("name", SPEECH)
def test_normalising_hides_gain_and_leaving_it_out_shows_it(name, checkpoint):
    made = checkpoint(name)
    clip = noise(1, made.kind.samplerate)
    pair = [clip[:, None], clip[:, None] / 4]
    for normalise in (True, False):
        _, model = load(made, name, normalise=normalise)
        loud, soft = model.embed([model.prepare(c, made.kind.samplerate) for c in pair])[
            "embedding"
        ]
        made.extractor.do_normalize = normalise
        assert close(loud, upstream.embed(made, name, clip, "last", "mean"))
        assert close(soft, loud, 1e-3) == normalise


@pytest.mark.parametrize("name", KINDS)
def test_a_long_clip_is_the_mean_of_windows_the_last_of_which_ends_with_it(name, checkpoint):
    made = checkpoint(name)
    samplerate = made.kind.samplerate
    if name in SPEECH:
        made.extractor.do_normalize = False
    choice, model = load(made, name, window_s=1)
    clip = noise(2.3, samplerate)
    prepared = model.prepare(clip[:, None], samplerate)
    assert prepared.shape == (3, samplerate)
    (row,) = model.embed([prepared])["embedding"]
    np.testing.assert_array_equal(model.embed([prepared])["embedding"][0], row)
    windows = [clip[:samplerate], clip[samplerate : 2 * samplerate], clip[-samplerate:]]
    pooling = choice.options.get("pooling")
    expected = [upstream.embed(made, name, window, "last", pooling) for window in windows]
    assert close(row, np.mean(expected, axis=0))


def test_nothing_is_cut_where_upstream_would_cut_at_random(checkpoint):
    """CLAP's front end takes 10 s at random places of a longer clip."""
    made = checkpoint("clap")
    _, model = load(made, "clap")
    clip = noise(12, 48000)
    rows = [model.embed([model.prepare(clip[:, None], 48000)])["embedding"][0] for _ in range(2)]
    np.testing.assert_array_equal(*rows)
    windows = [clip[:480000], clip[-480000:]]
    assert close(
        rows[0], np.mean([upstream.embed(made, "clap", w, "last", "") for w in windows], 0)
    )


def test_claps_embedding_is_upstreams_before_it_is_scaled_to_unit_length(checkpoint):
    made = checkpoint("clap")
    _, model = load(made, "clap")
    clip = noise(3, 48000)
    (row,) = model.embed([model.prepare(clip[:, None], 48000)])["embedding"]
    inputs = made.extractor(clip, sampling_rate=48000, return_tensors="pt")
    with torch.inference_mode():
        scaled = made.whole.get_audio_features(**inputs).pooler_output[0].numpy()
    assert close(row / np.linalg.norm(row), scaled)
    assert abs(np.linalg.norm(row) - 1) > 1e-3


def test_whisper_pools_over_the_clips_own_frames(checkpoint):
    """Not over the 30 s that its front end fills up."""
    made = checkpoint("whisper")
    _, model = load(made, "whisper")
    clip = noise(1, 16000)
    (row,) = model.embed([model.prepare(clip[:, None], 16000)])["embedding"]
    features = made.extractor(clip, sampling_rate=16000, return_tensors="pt")["input_features"]
    with torch.inference_mode():
        frames = made.whole.model.encoder(features).last_hidden_state[0]
    assert frames.shape == (1500, 32)
    assert close(row, frames[:50].mean(0).numpy())
    assert not close(row, frames.mean(0).numpy(), 1e-2)


@pytest.mark.parametrize("samplerate", [16000, 22050, 44100, 48000, 96000])
def test_channels_are_mixed_and_resampled_to_the_rate_of_the_network(samplerate):
    t = np.arange(samplerate) / samplerate
    stereo = np.stack([np.sin(880 * np.pi * t), 0 * t], axis=1).astype(np.float32)
    (row,) = prepare(stereo, samplerate, 24000, 24000 * 30, 400)
    # As librosa does it, rounding the length up where 24000 / 44100 isn't exact.
    assert len(row) in (24000, 24001) and row.dtype == np.float32
    expected = np.sin(880 * np.pi * np.arange(len(row)) / 24000) / 2
    np.testing.assert_allclose(row[500:-500], expected[500:-500], atol=2e-4)


def test_a_short_clip_is_followed_by_silence():
    clip = np.ones((100, 1), np.float32)
    (row,) = prepare(clip, 16000, 16000, 160000, 400)
    np.testing.assert_array_equal(row, [1.0] * 100 + [0.0] * 300)


@pytest.mark.parametrize("name", KINDS)
def test_a_model_keeps_the_contract(name, checkpoint):
    made = checkpoint(name)
    choice, model = load(made, name, **({"layers": [1, 2]} if name in LAYERED else {}))
    check_model(choice, model)


# Checkpoints


@pytest.mark.parametrize("name", KINDS)
def test_a_lost_tensor_is_an_error_and_never_random(name, tmp_path):
    made = make(name, tmp_path)
    whole = made.tensors()
    needed = FAMILIES[name]
    inside = [key for key in whole if not key.startswith((*needed.unused, *needed.not_needed))]
    lost = [key for key in inside if "masked_spec_embed" not in key][:: max(1, len(inside) // 6)]
    assert len(lost) >= 4
    for key in lost:
        made.rewrite({each: value for each, value in whole.items() if each != key})
        with pytest.raises(InputError, match=r"lacks .*: not the weights of|lacks 1 of"):
            load(made, name)


def test_names_of_before_pytorch_2_1_are_read_and_half_of_them_refused(tmp_path):
    """`weight_g` and `weight_v`, which some releases of upstream's replace by random ones."""
    made = make("mert", tmp_path)
    old = [key for key in made.tensors() if key.endswith(("weight_g", "weight_v"))]
    assert len(old) == 2
    _, model = load(made, "mert")
    found = model.network.encoder.pos_conv_embed.conv.weight
    torch.testing.assert_close(found, made.whole.encoder.pos_conv_embed.conv.weight)
    made.rewrite({key: value for key, value in made.tensors().items() if key != old[0]})
    with pytest.raises(InputError, match=r"lacks encoder\.pos_conv_embed"):
        load(made, "mert")


def test_tensors_left_over_are_an_error_unless_they_are_known(tmp_path):
    made = make("wav2vec2", tmp_path)
    tensors = made.tensors()
    assert [key for key in tensors if key.startswith(("quantizer.", "project_q."))]
    load(made, "wav2vec2")
    made.rewrite({**tensors, "wav2vec2.encoder.adapter.weight": torch.ones(2)})
    with pytest.raises(
        InputError, match=r"has wav2vec2\.encoder\.adapter\.weight .*no part of the"
    ):
        load(made, "wav2vec2")


def test_another_shape_is_an_error(tmp_path):
    made = make("hubert", tmp_path)
    tensors = made.tensors()
    key = next(key for key in tensors if key.endswith("feature_projection.projection.bias"))
    made.rewrite({**tensors, key: torch.ones(7)})
    with pytest.raises(InputError, match=r"not the weights of a HubertModel|another shape"):
        load(made, "hubert")


def test_weights_without_their_configuration_are_refused(checkpoint):
    made = checkpoint("hubert")
    choice = choose("net", {"transformers": "hubert", "normalise": False})
    with pytest.raises(InputError, match=r"config\.json or preprocessor_config\.json is missing"):
        choice.load(made.folder / "model.safetensors")


def test_a_truncated_file_is_refused_in_one_line(tmp_path):
    made = make("dac", tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match="truncated or corrupt, or not safetensors") as error:
        load(made, "dac")
    assert "\n" not in str(error.value)


def test_pickled_weights_are_the_same_and_are_converted_once(tmp_path):
    made = make("mert", tmp_path / "mert")
    tensors = made.tensors()
    pickled = made.folder / "pytorch_model.bin"
    torch.save(tensors, pickled)
    converted = [tmp_path / f"{number}.safetensors" for number in range(2)]
    for path in converted:
        convert(pickled, path)
    assert converted[0].read_bytes() == converted[1].read_bytes()
    (made.folder / "model.safetensors").unlink()
    _, from_pickle = load(made, "mert")
    choice = choose("net", {"transformers": str(made.folder), "normalise": False})
    from_converted = choice.load(converted[0], more=choice.local_files[1:])
    for key, value in from_pickle.network.state_dict().items():
        torch.testing.assert_close(from_converted.network.state_dict()[key], value)


class Run:
    """What unpickling would run."""

    def __reduce__(self):
        return print, ("run",)


def test_code_in_pickled_weights_is_never_run(tmp_path, capsys):
    made = make("mert", tmp_path)
    torch.save({**made.tensors(), "x": Run()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="has code to run"):
        convert(tmp_path / "pytorch_model.bin", tmp_path / "x.safetensors")
    assert not (tmp_path / "x.safetensors").exists() and not capsys.readouterr().out


# Untrained controls


def test_untrained_weights_are_seeded_and_marked(tmp_path, checkpoint):
    made = checkpoint("hubert")
    choice = choose("net-untrained", {"transformers": str(made.folder), "normalise": False})
    assert choice.control == "untrained" and "(control)" in choice.title
    files = [tmp_path / f"{number}.safetensors" for number in range(2)]
    for path in files:
        choice.write_initial(path)
    assert files[0].read_bytes() == files[1].read_bytes()
    model = choice.load(files[0], more=choice.local_files)
    clip = model.prepare(noise(1, 16000)[:, None], 16000)
    np.testing.assert_array_equal(
        model.embed([clip])["embedding"],
        choice.load(files[1], more=choice.local_files).embed([clip])["embedding"],
    )
    # As a checkpoint they can't pass for a trained model.
    folder = tmp_path / "passed_on"
    folder.mkdir()
    for name in ("config.json", "preprocessor_config.json"):
        (folder / name).write_bytes((made.folder / name).read_bytes())
    (folder / "model.safetensors").write_bytes(files[0].read_bytes())
    with pytest.raises(InputError, match="untrained weights: name the model net-untrained"):
        choose("net", {"transformers": str(folder), "normalise": False})


@pytest.mark.parametrize("key", ["enable_fusion", "deepnorm"])
def test_what_upstreams_class_does_not_compute_is_refused(key, tmp_path):
    name = "clap" if key == "enable_fusion" else "mert"
    made = make(name, tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    (config["audio_config"] if name == "clap" else config)[key] = True
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(InputError, match=rf"config.json has {key}: True"):
        load(made, name)
