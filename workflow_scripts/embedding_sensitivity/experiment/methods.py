"""The debiasing experiment's fixed choices (section IV of the paper).

Standard library only: the plan checks a configuration against these.
"""

import random
from collections.abc import Mapping, Sequence

from embedding_sensitivity.clips.split import check_label_counts

METHODS = (
    "none",
    "global_cca",
    "samplewise_cca_svd",
    "pca_absolute",
    "pca_relative",
    "average_displacement",
    "lda",
)
# The one method that is a family: how many directions it removes depends on a threshold.
THRESHOLD_METHOD = "samplewise_cca_svd"
PENALTIES = tuple(10.0**exponent for exponent in range(-8, 4))
NEGATIVES_SEED = 42


def classifier_clips(clips_by_label: Mapping[str, Sequence[str]], label: str) -> list[str]:
    """The clips on which the classifier of `label` is trained, in the protocol's order.

    Parameters
    ----------
    clips_by_label : training clips of each label in split order; labels in the order of their
        first appearance in the split
    label : the positive class

    Returns
    -------
    N clips of `label`, N being the smallest label's number, then k = floor(N / other labels)
    of each other label, at positions that are the same in every label, in the order in which the
    authors' seed draws them.
    """
    check_label_counts({name: len(clips) for name, clips in clips_by_label.items()})
    n_positive = min(len(clips) for clips in clips_by_label.values())
    each = n_positive // (len(clips_by_label) - 1)
    positions = random.Random(NEGATIVES_SEED).sample(range(n_positive), each)
    chosen = list(clips_by_label[label][:n_positive])
    for other, clips in clips_by_label.items():
        if other != label:
            chosen += [clips[position] for position in positions]
    return chosen
