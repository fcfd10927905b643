"""Measures of how embeddings respond to an effect."""
