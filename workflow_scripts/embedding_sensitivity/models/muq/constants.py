"""What the published config.json of MuQ-large-msd-iter says of the network.

Other keys of it are of training, and are left out (tests/muq/test_muq.py has the whole file).
"""

SAMPLERATE = 24000
DIMENSION = 1024
DEPTH = 12
CONFIG = {
    "label_rate": 25,
    "hop_length": 240,
    "n_mels": 128,
    "conv_dim": 512,
    "encoder_dim": DIMENSION,
    "encoder_depth": DEPTH,
    # Of the Million Song Dataset, in decibels.
    "stat": {
        "melspec_2048_mean": 6.768444971712967,
        "melspec_2048_std": 18.417922652295623,
    },
    "w2v2_config": {
        "activation_dropout": 0.1,
        "attention_dropout": 0.1,
        "conformer_conv_dropout": 0.1,
        "conv_depthwise_kernel_size": 31,
        "feat_extract_activation": "gelu",
        "hidden_act": "swish",
        "hidden_dropout": 0.1,
        "intermediate_size": 4096,
        "layer_norm_eps": 1e-5,
        "layerdrop": 0.0,
        "max_source_positions": 5000,
        "num_attention_heads": 16,
        "num_conv_pos_embedding_groups": 16,
        "num_conv_pos_embeddings": 128,
        "position_embeddings_type": "rotary",
        "rotary_embedding_base": 10000,
    },
}
