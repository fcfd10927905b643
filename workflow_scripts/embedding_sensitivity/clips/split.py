"""Requirements on a split into training and test clips, and the order of its labels."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from embedding_sensitivity.clips.clip import Clip
from embedding_sensitivity.files.errors import InputError

# Of the cross-validation that chooses a classifier's penalty.
N_FOLDS = 3
# The authors', of the clips of other labels that a classifier is trained on.
NEGATIVES_SEED = 42


def order_labels(clips: Iterable[Clip], labels: Iterable[str] | None = None) -> list[str]:
    """`labels` (None for all) in the order in which they first appear in the split."""
    in_split = sorted((clip for clip in clips if clip.split), key=lambda clip: clip.split_row)
    order = list(dict.fromkeys(clip.label for clip in in_split))
    wanted = set(order if labels is None else labels)
    if missing := sorted(wanted - set(order)):
        raise InputError(
            f"label {missing[0]}: no clip of it in the split, whose labels are "
            f"{', '.join(order)}: correct data.labels"
        )
    return [label for label in order if label in wanted]


def check_label_counts(counts: Mapping[str, int]) -> None:
    """Refuse training sets from which a classifier cannot be cross-validated.

    Parameters
    ----------
    counts : number of training clips of each label

    Raises
    ------
    InputError
        naming the label: fewer than two labels, or a smallest label that doesn't give every fold
        a positive, every other label a negative, and every fold a negative
    """
    if len(counts) < 2:
        raise InputError(
            f"labels: {', '.join(counts) or 'none'}, at least two are needed to tell one from the "
            "rest: add a label"
        )
    others = len(counts) - 1
    # k = floor(N / others) negatives of each other label: N >= N_FOLDS positives, k >= 1, and
    # k * others >= N_FOLDS negatives in all.
    needed = max(N_FOLDS, -(-N_FOLDS // others) * others)
    smallest = min(counts, key=lambda label: (counts[label], label))
    if counts[smallest] < needed:
        raise InputError(
            f"label {smallest}: {counts[smallest]} training clips, a classifier among "
            f"{len(counts)} labels needs at least {needed}: add clips of it or leave it out"
        )


def check_split(clips: Sequence[Clip]) -> None:
    """Refuse a split that the analysis could not use, naming the label."""
    train = Counter(clip.label for clip in clips if clip.split == "train")
    test = Counter(clip.label for clip in clips if clip.split == "test")
    for label in sorted(set(train) | set(test)):
        for split, counts in (("training", train), ("test", test)):
            if not counts[label]:
                raise InputError(
                    f"label {label}: no {split} clip in the split: add clips or leave the label out"
                )
    check_label_counts(dict(train))


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
