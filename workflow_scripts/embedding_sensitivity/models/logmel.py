"""The handcrafted control: mean and standard deviation over time of 128 log-mel bands (d = 256).

A clip is mixed to one channel and resampled to 44.1 kHz if it has another rate. Frames of 2048
samples every 512, Hann window, power; librosa's default (Slaney) filterbank from 0 Hz to 22.05 kHz;
10 log10 of the power in each band, floored at -100 dB. Nothing is normalised: a gain moves all
means. Mean and standard deviation (ddof 0) are taken in float64, then rounded to float32.
"""

import hashlib

from embedding_sensitivity.models import Backend, Model, Setup

SAMPLERATE = 44100
N_FFT = 2048
HOP = 512
N_MELS = 128
FLOOR = 1e-10  # power: -100 dB


def spectrogram(audio, samplerate: int):
    """Log-mel spectrogram in dB, (frames, 128) float32, of (frames, channels) float32."""
    import numpy as np

    from embedding_sensitivity.models.shared.frontend import mel_filters, mel_power, mono_at

    signal = mono_at(audio, samplerate, SAMPLERATE)
    power = mel_power(signal, N_FFT, HOP, mel_filters(SAMPLERATE, N_FFT, N_MELS))
    return 10 * np.log10(np.maximum(power, np.float32(FLOOR)))


class LogMel:
    """The model; see `embedding_sensitivity.models.EmbeddingModel`."""

    weights_sha256 = hashlib.sha256(b"").hexdigest()  # there are none
    prepare = staticmethod(spectrogram)
    batch_size = 16

    def embed(self, prepared) -> dict:
        """Means, then standard deviations, over time: (n, 256) float32."""
        import numpy as np

        rows = [
            np.concatenate(
                [clip.mean(axis=0, dtype=np.float64), clip.std(axis=0, dtype=np.float64)]
            )
            for clip in prepared
        ]
        return {"embedding": np.stack(rows).astype(np.float32)}


def load(setup: Setup) -> LogMel:
    """There is nothing to load."""
    return LogMel()


MODEL = Model(
    load=load,
    samplerate=SAMPLERATE,
    views={"embedding": 2 * N_MELS},
    backends={"numpy": Backend("audio", ("numpy", "scipy", "soxr"))},
    handcrafted=True,
    seconds=0.008,
    computes_with=("embedding_sensitivity.models.shared.frontend",),
)
