"""Courses of a few test clips in a plane, which the explorer draws and whose clips it can play.

The plane is that of a principal component analysis, so a straight course stays straight. UMAP
(`trajectories`, the paper's Fig. 1) shows neighbourhoods instead, of training clips.
"""

from collections.abc import Sequence

from embedding_sensitivity.experiment.measures import (
    IMPACT,
    SENSITIVITY,
    Measure,
    Table,
    describe,
)

# Test clips a label that have a course: more make the plane unreadable.
N_CLIPS = 6
MEASURE = Measure(
    title="courses of single clips in a plane, for the explorer",
    two_sided="points at each level, in the order of levels",
    section=IMPACT,
    group=SENSITIVITY,
    tables=(
        Table(
            "courses",
            describe(
                "model effect label clip level",
                x="first principal component; level `original` is the clip without the effect",
                y="second principal component",
                share="of the variance of these points, what the plane shows",
            ),
            ("model", "effect", "label", "clip", "level"),
            is_result=False,
        ),
    ),
)


def choose_clips(clips: Sequence[str], groups: Sequence[str], number: int = N_CLIPS) -> list[str]:
    """Choose clips of a label, one of each recording first, in the order given.

    Parameters
    ----------
    clips, groups : clip ids and their recordings
    number : clips to choose; all if there are fewer
    """
    before: dict[str, int] = {}
    turns = []
    for position, group in enumerate(groups):
        turns.append((before.get(group, 0), position))
        before[group] = before.get(group, 0) + 1
    return [clips[position] for _, position in sorted(turns)[:number]]


def measure(data) -> dict:
    import numpy as np

    from embedding_sensitivity.effects.levels import ORIGINAL

    clips = choose_clips(data.test.clips, data.test.groups)
    if not clips:
        return {"courses": []}
    rows = [data.test.clips.index(clip) for clip in clips]
    points = np.concatenate([data.test.effected[:, rows], data.test.originals[None, rows]])
    flat = points.reshape(-1, points.shape[-1])
    flat = flat - flat.mean(axis=0)
    _, lengths, axes = np.linalg.svd(flat, full_matrices=False)
    axes = axes[:2]
    # The sign of a component is arbitrary: its largest entry is positive.
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    places = flat @ (axes * np.where(largest < 0, -1.0, 1.0)[:, None]).T
    places = np.pad(places, ((0, 0), (0, 2 - len(axes)))).reshape(*points.shape[:2], 2)
    total = (lengths**2).sum()
    share = float((lengths[:2] ** 2).sum() / total) if total else None
    return {
        "courses": [
            {"clip": clip, "level": level, "x": float(x), "y": float(y), "share": share}
            for n, clip in enumerate(clips)
            for level, (x, y) in zip([*data.levels, ORIGINAL], places[:, n], strict=True)
        ]
    }
