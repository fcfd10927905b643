"""Published checkpoints by short names. Sizes are of the architectures, from their papers or pages.

The hub couldn't be reached where this was written, so `pins` are empty. A commit is given if at
least two unrelated public repositories on GitHub name it, and a hash if three do. Such a hash isn't
enforced: the first file is pinned in the lock file, with a warning if it is another than reported.
Whoever adds one says where it is from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models.hub.families import CONFIG, FRONT_END

SAFE, BIN = "model.safetensors", "pytorch_model.bin"


@dataclass(frozen=True)
class Pin:
    """What a file of a checkpoint is: its size in bytes and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Preset:
    """A published checkpoint.

    Attributes
    ----------
    hub : its id
    family : one of `families.FAMILIES`
    samplerate : that it was trained at
    blocks : of the encoder; None: it has no layers
    dimension : of an embedding
    licence : of the weights
    about : a line for docs/models.md
    upstream_normalises : what the published front end does, where `normalise` has to be given;
        None: not known here, its preprocessor_config.json says it
    checkpoint : its file of weights, the likelier where it isn't known; an entry can name another
    is_default : whether the package documents that its default configuration is this architecture,
        so that the untrained control needs no config.json
    revision, pins : the commit, and each file's size and hash; empty: not known
    reported : SHA-256 by file name, published by users of the checkpoint, not its authors
    source : where these are from
    """

    hub: str
    family: str
    samplerate: int
    blocks: int | None
    dimension: int
    licence: str
    about: str
    upstream_normalises: bool | None = None
    checkpoint: str = SAFE
    is_default: bool = False
    revision: str = ""
    pins: Mapping[str, Pin] = field(default_factory=dict)
    reported: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        if (self.revision or self.pins or self.reported) and not self.source:
            raise InputError(f"{self.hub}: has pins without a source: say where they are from")
        if (self.pins or self.reported) and not self.revision:
            raise InputError(f"{self.hub}: has hashes of no commit: add the revision")


def _say_reported(commit: int, weights: int = 0, size: int = 0) -> str:
    """Say how many unrelated repositories at least report a commit and its weights' hash."""
    found = f"{commit} or more unrelated public repositories on GitHub name the commit"
    return f"{found}, {weights} the hash of the weights, {size:,} bytes" if weights else found


NC = "CC BY-NC 4.0"

PRESETS = {
    "mert_95m": Preset(
        "m-a-p/MERT-v1-95M", "mert", 24000, 12, 768, NC,
        "music, self-supervised; HuBERT at 24 kHz", True, BIN,
        revision="12af15fef9d0ac838c3f475bfbbf26d2060dd4f5",
        source=_say_reported(8, 7, 377_552_987),
        reported={
            BIN: "a2b8b747f72c06e0595aeae41ae5473f4364938c6b39b2c58be38c48e6bd3fcd",
            CONFIG: "ea2627c4c7825cd66f3c944b6b966331604c35928174e0100cd4a82829424e32",
            FRONT_END: "cc5a5e4a5d3b1a758a5ed984b2eaa15bb0522d811d44a9eed82bfca4baa0dc8f",
        },
    ),
    "mert_330m": Preset(
        "m-a-p/MERT-v1-330M", "mert", 24000, 24, 1024, NC,
        "the larger MERT", None, BIN,
        revision="5240c2708a5acaee1007f43fb9735c7dcd0b78c9",
        source=_say_reported(4),
    ),
    "laion_clap": Preset(
        "laion/clap-htsat-unfused", "clap", 48000, None, 512, "Apache-2.0",
        "audio and text; HTSAT on 10 s, a shorter clip repeated", None, BIN,
        revision="8fa0f1c6d0433df6e97c127f64b2a1d6c0dcda8a",
        source=_say_reported(8, 7, 614_525_833),
        reported={
            BIN: "1cd3c601bc4afe0fa87be3de4c13dd2cfadd249fac1e29acf74a9b296c3219bb",
            CONFIG: "9efb9557bc804f2ca6e394486af2e45dfed0b18554909735a99c6220b84e4288",
        },
    ),
    "laion_clap_music": Preset(
        "laion/larger_clap_music", "clap", 48000, None, 512, "Apache-2.0",
        "the same, trained on music", None, BIN,
        revision="a0b4534a14f58e20944452dff00a22a06ce629d1",
        source=_say_reported(8, 7, 776_444_665),
        reported={
            BIN: "5c289311f4a030d768af7ffbfdecd01b008aa64824211899a4e59f4f9d154fd1",
            CONFIG: "2d7722d338bb83ea8824272b1431f088954d3425d79eb3c2d39489478516dc03",
            FRONT_END: "9739f58296aa6f9ac18008fd0150fb2649bc554985fbde86d0a4041c882ac753",
        },
    ),
    "wav2vec2": Preset(
        "facebook/wav2vec2-base", "wav2vec2", 16000, 12, 768, "Apache-2.0",
        "speech, self-supervised", None, BIN, is_default=True,
        revision="0b5b8e868dd84f03fd87d01f9c4ff0f080fecfe8",
        source=_say_reported(8, 3, 380_267_417),
        reported={
            BIN: "3249fe98bfc62fcbc26067f724716a6ec49d12c4728a2af1df659013905dff21",
            CONFIG: "4937977e24d12d1bba70cdce8709c3c04807a8e4ae8ddac4229c48c436ae99ae",
        },
    ),
    "hubert": Preset(
        "facebook/hubert-base-ls960", "hubert", 16000, 12, 768, "Apache-2.0",
        "speech, self-supervised", None, BIN, is_default=True,
        revision="dba3bb02fda4248b6e082697eee756de8fe8aa8a",
        source=_say_reported(8, 3, 377_569_754),
        reported={
            BIN: "062249fffb353eab67547a2fbc129f7c31a2f459faf641b19e8fb007cc5c48ad",
        },
    ),
    "wavlm": Preset(
        "microsoft/wavlm-base-plus", "wavlm", 16000, 12, 768, "see its page",
        "speech, self-supervised", None, BIN, is_default=True,
        revision="4c66d4806a428f2e922ccfa1a962776e232d487b",
        source=_say_reported(8, 4, 377_617_425),
        reported={
            BIN: "3bb273a6ace99408b50cfc81afdbb7ef2de02da2eab0234e18db608ce692fe51",
        },
    ),
    "data2vec": Preset(
        "facebook/data2vec-audio-base", "data2vec", 16000, 12, 768, "Apache-2.0",
        "speech, self-supervised", None, BIN, is_default=True,
    ),
    "whisper_tiny": Preset(
        "openai/whisper-tiny", "whisper", 16000, 4, 384, "Apache-2.0 / MIT",
        "speech recognition, its encoder", is_default=True,
        revision="169d4a4341b33bc18d8881c4b69c2e104e1cc0af",
        source=_say_reported(8, 8, 151_061_672),
        reported={
            SAFE: "7ebd0e69e78190ffe1438491fa05cc1f5c1aa3a4c4db3bc1723adbb551ea2395",
            CONFIG: "ffdccec4f3211f4c63310f2b7098f309fe70f3952cedc5e4d11e43f5b2379b98",
            FRONT_END: "9b5cd03a36fbb8a627c64d98a5b5b126ead95a77720723944487311f0110b666",
        },
    ),
    "whisper_base": Preset(
        "openai/whisper-base", "whisper", 16000, 6, 512, "Apache-2.0 / MIT",
        "speech recognition, its encoder",
        revision="e37978b90ca9030d5170a5c07aadb050351a65bb",
        source=_say_reported(8, 8, 290_403_936),
        reported={
            SAFE: "07cadb9f25677c8d50df603e66a98fbd842cce45047139baeb16e6219a1e807b",
            CONFIG: "a153c53883a6799b6f056b4a8d1a515c9926d03994682ba88a7616618d7da0c1",
        },
    ),
    "ast": Preset(
        "MIT/ast-finetuned-audioset-10-10-0.4593", "ast", 16000, 12, 768,
        "Apache-2.0 / BSD-3-Clause", "AudioSet's classes, supervised; patches of a spectrogram",
        is_default=True,
        revision="f826b80d28226b62986cc218e5cec390b1096902",
        source=_say_reported(8, 8, 346_404_948),
        reported={
            SAFE: "ae0c1e2ad4e1381d851fa9bf298ba13ebc9c5a914cdee2dbe427a6583869924d",
        },
    ),
    "encodec": Preset(
        "facebook/encodec_24khz", "encodec", 24000, None, 128, NC,
        "a codec; its encoder's output before quantisation", is_default=True,
        revision="c1dbe2ae3f1de713481a3b3e7c47f357092ee040",
        source=_say_reported(7),
    ),
    "dac": Preset(
        "descript/dac_44khz", "dac", 44100, None, 1024, "MIT",
        "a codec; its encoder's output before quantisation",
        revision="c1bc521685adf9cfe247bc39a5ca58917eda1ac4",
        source=_say_reported(5),
    ),
}  # fmt: skip
