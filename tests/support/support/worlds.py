"""Simulated worlds whose answer is known: embeddings of recordings under an effect.

Recordings of several clips, as arrays (P, N, d) with the clips' recordings; a power-law covariance,
recordings that respond alike (a share of the response's noise is the recording's), and slopes that
vary by recording. What varies between worlds is how clips respond to the level:

``straight``, ``curved``, ``saturating``
    along one common direction, in proportion to the level, its square, or a saturation
``own``
    each recording along a direction of its own
``rotation``
    each clip turns in a plane of its own
``walk``
    each clip goes a random way of its own, smoothly
``clusters``
    each level has a place of its own, common to all clips, in no order
``nothing``
    no response to the level: noise, of which recordings share a part
"""

from dataclasses import dataclass

import numpy as np

WORLDS = (
    "straight", "curved", "saturating", "own", "rotation", "walk", "clusters", "nothing",
)  # fmt: skip
# How far along the common direction a level (0 to 1) moves.
COURSES = {
    "straight": lambda level: level - 0.5,
    "curved": lambda level: level**2 - 0.3,
    "saturating": lambda level: np.tanh(4 * level) - 0.7,
}


@dataclass(frozen=True)
class World:
    """How clips respond, and what is fixed for all samples of it.

    kind : of `WORLDS`
    strength : length of the response against the noise of a point
    shared : share of the response's noise, in variance, that a recording's clips have in common
    seed : of what is fixed: directions, places of levels
    """

    kind: str
    n_levels: int = 6
    dimension: int = 96
    strength: float = 1.0
    shared: float = 0.5
    seed: int = 0

    def _fixed(self):
        rng = np.random.default_rng(self.seed)
        scales = np.arange(1, self.dimension + 1) ** -0.5
        scales *= np.sqrt(self.dimension / (scales**2).sum())
        direction = rng.normal(size=self.dimension)
        places = rng.normal(size=(self.n_levels, self.dimension))
        return scales, direction / np.linalg.norm(direction), places / np.sqrt(self.dimension)

    def draw(
        self, n_recordings: int, n_clips: int, rng: np.random.Generator, prefix: str = "r"
    ) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Originals (N, d), effected (P, N, d), and the recordings (N,) of N clips."""
        scales, direction, places = self._fixed()
        d, n_points = self.dimension, (self.n_levels, n_recordings)
        of_clip = np.repeat(np.arange(n_recordings), n_clips)
        n = len(of_clip)
        originals = scales * (
            rng.normal(size=(n_recordings, d))[of_clip] + 0.7 * rng.normal(size=(n, d))
        )
        noise = np.sqrt(self.shared) * rng.normal(size=(*n_points, d))[:, of_clip]
        noise += np.sqrt(1 - self.shared) * rng.normal(size=(self.n_levels, n, d))
        level = np.linspace(0, 1, self.n_levels)[:, None, None]
        slopes = 1 + 0.2 * rng.normal(size=(n_recordings, 1))[of_clip]
        own = rng.normal(size=(2, n_recordings, d))[:, of_clip] / np.sqrt(d)
        if self.kind in COURSES:
            response = COURSES[self.kind](level) * slopes * direction
        elif self.kind == "own":
            response = (level - 0.5) * slopes * own[0]
        elif self.kind == "rotation":
            response = np.cos(np.pi * level) * own[0] + np.sin(np.pi * level) * own[1]
        elif self.kind == "walk":
            response = np.cumsum(rng.normal(size=(self.n_levels, n, d)), axis=0) / np.sqrt(d)
        elif self.kind == "clusters":
            response = places[:, None]
        else:
            response = np.zeros((self.n_levels, 1, d))
        effected = originals + self.strength * np.sqrt(d) * response + 0.5 * scales * noise
        groups = [f"{prefix}{recording}" for recording in of_clip]
        return originals, effected, groups
