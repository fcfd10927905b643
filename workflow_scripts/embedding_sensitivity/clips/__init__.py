"""Clips of audio: reading and checking them, finding, splitting and indexing them."""
