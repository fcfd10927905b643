"""Constants of OpenL3's front end and network, from its package."""

SAMPLERATE = 48000
WINDOW = SAMPLERATE
WINDOW_HOP = SAMPLERATE // 10
N_FFT = 2048
HOP = 242
N_BANDS = 128
N_FRAMES = 199
MIN_POWER = 1e-10
RANGE_DB = 80.0
DIMENSION = 512
EPSILON = 1e-3
# Channels in and out of each convolution; every second one ends a block.
CHANNELS = (1, 64, 64, 128, 128, 256, 256, 512, 512)
N_BLOCKS = 4
