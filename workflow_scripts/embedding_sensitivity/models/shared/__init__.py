"""What several models share: front ends, layers, weights files, PyTorch."""
