"""Embedding clips, and the stores that embeddings are kept in."""
