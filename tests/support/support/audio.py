"""Made-up audio for models, and how near two embeddings are."""


def relative(found, expected) -> float:
    """Relative L2 difference."""
    import numpy as np

    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def chord(seconds: float, samplerate: int = 44100, seed: int = 0, channels: int = 2):
    """A decaying chord over noise, float32 (frames, channels)."""
    import numpy as np

    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * samplerate)) / samplerate
    tones = random.uniform(100, 3000, (6, channels))
    audio = np.sin(2 * np.pi * tones * time[:, None, None]).mean(axis=1) * np.exp(-time)[:, None]
    return (0.5 * audio + 0.01 * random.standard_normal(audio.shape)).astype(np.float32)
