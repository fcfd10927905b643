"""The public API: the library's functions for a person with an array, a store or a sound.

Shapes: P levels, N clips, d dimensions. Arithmetic is in double precision, by the functions of the
workflow: on the same arrays they give the numbers of its tables, to the last bit.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from embedding_sensitivity.analysis import (
    cca,
    correlation,
    directions,
    displacement,
    intervals,
    statistics,
)
from embedding_sensitivity.analysis.classifiers import classification
from embedding_sensitivity.clips.split import N_FOLDS
from embedding_sensitivity.files.errors import InputError

if TYPE_CHECKING:
    from embedding_sensitivity.embeddings.store import Store
    from embedding_sensitivity.models import EmbeddingModel

SEED = 20220419


def _as_array(X: ArrayLike, name: str, *dimensions: int) -> np.ndarray:
    """X as finite float64 with one of the numbers of dimensions named."""
    X = np.asarray(X, dtype=np.float64)
    if X.ndim not in dimensions:
        wanted = " or ".join(map(str, dimensions))
        raise InputError(f"{name}: has shape {X.shape}, expected {wanted} dimensions")
    if not np.isfinite(X).all():
        raise InputError(f"{name}: has values that are not finite: leave those rows out")
    return X


def _points_and_targets(X: ArrayLike, levels: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, d), and the rank of each one's level scaled to 0..1, (n,)."""
    X = _as_array(X, "X", 2, 3)
    if levels is None:
        if X.ndim == 2:
            raise InputError("levels: is missing: X of shape (n, d) needs the level of each row")
        levels = np.arange(len(X))
    levels = _as_array(levels, "levels", 1)
    if len(levels) != len(X):
        raise InputError(f"levels: has {len(levels)} values, expected {len(X)}, one a row of X")
    if X.ndim == 3:
        levels = np.repeat(levels, X.shape[1])
        X = X.reshape(-1, X.shape[-1])
    distinct, ranks = np.unique(levels, return_inverse=True)
    if len(distinct) < 2:
        raise InputError("levels: are all the same, expected at least two")
    return X, cca.unit_levels(len(distinct))[ranks]


def global_direction(X: ArrayLike, levels: ArrayLike | None = None) -> np.ndarray:
    """Fit the direction along which the level is linearly readable.

    Parameters
    ----------
    X : (P, N, d), N clips at P levels, or (n, d)
        Embeddings.
    levels : (P,), or (n,) for X of two dimensions
        Numbers, or text that is a number; only their order counts. By default, for X of three
        dimensions, its first axis ascends.

    Returns
    -------
    (d,) of unit length, its largest-magnitude entry positive; zero if no point differs.

    Raises
    ------
    InputError
        For shapes that don't fit, values that aren't finite, or fewer than two levels.

    References
    ----------
    Section III of Deng, Wang, Richard and McFee (ICASSP 2025): canonical correlation with one
    target, which is least squares.

    Examples
    --------
    >>> X = np.zeros((3, 2, 4))
    >>> X[:, :, 1] = [[0, 0], [1, 1], [2, 2]]
    >>> global_direction(X)
    array([0., 1., 0., 0.])
    """
    points, targets = _points_and_targets(X, levels)
    return cca.orient(cca.LeastSquares(points).solve(targets))


def global_r2(X: ArrayLike, levels: ArrayLike | None = None) -> float:
    """Measure how well the level's rank can be read along one direction, on the points of its fit.

    Parameters
    ----------
    X, levels
        As of `global_direction`.

    Returns
    -------
    Squared Spearman correlation of the projections with the level, 0 to 1. 1 by identity where
    there are no more points than dimensions to fit them; NaN if no point differs.

    Raises
    ------
    InputError
        As `global_direction`.

    References
    ----------
    Section III and Table I of Deng et al. (2025).

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(4, 50, 3))
    >>> X[..., 2] += 3 * np.arange(4)[:, None]
    >>> round(global_r2(X), 3)
    0.917
    >>> bool(global_r2(X) == global_r2(X.reshape(200, 3), np.repeat([-20, -10, -5, 0], 50)))
    True
    """
    points, targets = _points_and_targets(X, levels)
    fit = cca.LeastSquares(points)
    if cca.is_saturated(fit.rank, len(points)):
        return 1.0
    along = correlation.project(points, cca.orient(fit.solve(targets)))
    return float(correlation.squared_spearman(along, targets))


def r2_along(X: ArrayLike, direction: ArrayLike, levels: ArrayLike | None = None) -> float:
    """Measure how well the level's rank can be read along a direction fitted to other clips.

    Parameters
    ----------
    X, levels
        As of `global_direction`.
    direction : (d,)
        For example of `global_direction`.

    Returns
    -------
    Squared Spearman correlation of the projections with the level, 0 to 1; NaN if all are equal.

    Raises
    ------
    InputError
        As `global_direction`.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(5, 60, 40))
    >>> train, test = X[:, :30], X[:, 30:]  # no effect at all
    >>> bool(global_r2(train) > 0.2 > 0.05 > r2_along(test, global_direction(train)))
    True
    """
    points, targets = _points_and_targets(X, levels)
    direction = _as_array(direction, "direction", 1)
    return float(correlation.squared_spearman(correlation.project(points, direction), targets))


def samplewise_r2(X: ArrayLike) -> np.ndarray:
    """Measure how well the level's rank can be read along each clip's own direction.

    Parameters
    ----------
    X : (P, N, d)
        Embeddings, levels ascending.

    Returns
    -------
    (N,), each from 0 to 1: 1 by identity where P points don't outnumber the dimensions that they
    span, NaN where a clip's points are all the same.

    Raises
    ------
    InputError
        For another shape, or values that aren't finite.

    References
    ----------
    Section III of Deng et al. (2025).

    Examples
    --------
    >>> X = np.zeros((4, 2, 1))
    >>> X[:, 0, 0], X[:, 1, 0] = [0, 1, 2, 3], [0, 2, 1, 3]
    >>> samplewise_r2(X).round(2)
    array([1.  , 0.64])
    """
    X = _as_array(X, "X", 3)
    found, ranks = cca.samplewise_cca(X)
    targets = cca.unit_levels(len(X))
    return np.array(
        [
            1.0
            if cca.is_saturated(rank, len(X))
            else correlation.squared_spearman(correlation.project(points, direction), targets)
            for points, direction, rank in zip(X.swapaxes(0, 1), found, ranks, strict=True)
        ]
    )


def null_r2(X: ArrayLike, groups: Sequence[str] | None = None, seed: int = SEED) -> np.ndarray:
    """Draw what `global_r2` gives by chance: for levels permuted within each recording.

    Parameters
    ----------
    X : (P, N, d)
        Embeddings, levels ascending.
    groups : N names
        The recording of each clip; without them, each clip is one.
    seed : of the permutations

    Returns
    -------
    (200,), how much of R2 is the freedom of the fit.

    Raises
    ------
    InputError
        For shapes that don't fit, or values that aren't finite.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(5, 40, 10))  # no effect at all
    >>> null = null_r2(X)
    >>> bool(null.min() < global_r2(X) < null.max())
    True
    """
    X = _as_array(X, "X", 3)
    return statistics.null_r2(X, _groups_of(X, groups), str(seed))


def _groups_of(X: np.ndarray, groups: Sequence[str] | None) -> list[str]:
    """The recording of each clip of X (P, N, d)."""
    if groups is None:
        return [str(clip) for clip in range(X.shape[1])]
    if len(groups) != X.shape[1]:
        raise InputError(f"groups: has {len(groups)} names, expected {X.shape[1]}, one a clip")
    return [str(group) for group in groups]


def r2_interval(
    X: ArrayLike, direction: ArrayLike, groups: Sequence[str]
) -> tuple[float | None, float | None]:
    """Say where R2 along a direction would lie on other recordings.

    Parameters
    ----------
    X : (P, N, d)
        Embeddings, levels ascending, of clips that had no part in the direction.
    direction : (d,)
        Held fixed.
    groups : N names
        The recording of each clip: clips of one recording aren't independent.

    Returns
    -------
    Ends of the 95 % interval: a jackknife over recordings of Fisher's z, squared; (None, None) for
    fewer than six recordings.

    Raises
    ------
    InputError
        For shapes that don't fit, or values that aren't finite.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(5, 30, 2))
    >>> X[..., 0] += np.arange(5)[:, None]
    >>> low, high = r2_interval(X, [1, 0], groups=np.arange(30) // 2)
    >>> bool(low < r2_along(X, [1, 0]) < high)
    True
    """
    X = _as_array(X, "X", 3)
    along = correlation.project(X, _as_array(direction, "direction", 1))
    estimate = intervals.estimate_rho(along, _groups_of(X, groups))
    return intervals.interval_of_square(estimate, correlation.r2_ceiling(*along.shape))


def fit_directions(
    X: ArrayLike,
    originals: ArrayLike,
    neutral: ArrayLike | None = None,
    reference: ArrayLike | None = None,
    threshold: float = 0.5,
    groups: Sequence[str] | None = None,
) -> dict[str, np.ndarray]:
    """Fit the directions of every debiasing method to one label's clips.

    Parameters
    ----------
    X : (P, N, d)
        Embeddings with the effect, levels ascending.
    originals : (N, d)
        Of the same clips without it.
    neutral : (P,) of bool
        Levels at which the effect does nothing; by default none.
    reference : (m, d)
        Embeddings without effect that method pca_relative compares with; by default `originals`.
    threshold : 0 to 1
        Which singular vectors samplewise_cca_svd keeps, by their value relative to the largest.
    groups : N names
        The recording of each clip, over which the regularised direction's penalty is chosen;
        without them, each clip is one.

    Returns
    -------
    For each method (global_cca, regularised, samplewise_cca_svd, pca_absolute, pca_relative,
    average_displacement, lda) orthonormal rows (k, d); k = 0 where there is no direction.

    Raises
    ------
    InputError
        For shapes that don't fit, or values that aren't finite.

    References
    ----------
    Section IV of Deng et al. (2025).

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> originals = random.normal(size=(30, 3))
    >>> X = originals + np.arange(1, 5)[:, None, None] * [0, 0, 2]
    >>> fit_directions(X, originals)["average_displacement"]
    array([[0., 0., 1.]])
    """
    X, originals = _as_array(X, "X", 3), _as_array(originals, "originals", 2)
    if originals.shape != X.shape[1:]:
        raise InputError(f"originals: has shape {originals.shape}, expected {X.shape[1:]} as X")
    neutral = np.zeros(len(X), bool) if neutral is None else np.asarray(neutral, dtype=bool)
    if neutral.shape != (len(X),) or neutral.all():
        raise InputError(f"neutral: expected {len(X)} booleans, one a level and not all true")
    others = originals if reference is None else _as_array(reference, "reference", 2)
    variances = directions.reference_variances(others)
    found = directions.fit_label(X, originals, neutral, variances, _groups_of(X, groups))
    kept = directions.n_directions(found.singular_values, threshold)
    vectors = found.subspaces["samplewise_cca_svd"][:kept]
    return {**found.subspaces, "samplewise_cca_svd": vectors}


def project_out(X: ArrayLike, basis: ArrayLike) -> np.ndarray:
    """Take the part of embeddings along some directions away.

    Parameters
    ----------
    X : (..., d)
        Embeddings.
    basis : (k, d) with orthonormal rows, or (d,) of unit length
        For example of `fit_directions`.

    Returns
    -------
    (..., d), shaped as X.

    Raises
    ------
    InputError
        For a basis of other dimensions, or whose rows aren't orthonormal.

    References
    ----------
    Section IV of Deng et al. (2025).

    Examples
    --------
    >>> project_out([[3.0, 4.0]], [1.0, 0.0])
    array([[0., 4.]])
    """
    X = np.asarray(X, dtype=np.float64)
    basis = np.atleast_2d(_as_array(basis, "basis", 1, 2))
    if basis.shape[1] != X.shape[-1]:
        raise InputError(f"basis: has {basis.shape[1]} dimensions, expected {X.shape[-1]} as X")
    if not np.allclose(basis @ basis.T, np.eye(len(basis))):
        raise InputError("basis: expected orthonormal rows")
    return directions.project_out(X, basis)


def measure_displacement(
    X: ArrayLike, originals: ArrayLike, distance: float = np.nan
) -> list[dict[str, float]]:
    """Measure how far each level moves embeddings.

    Parameters
    ----------
    X : (P, N, d)
        Embeddings with the effect.
    originals : (N, d)
        Of the same clips without it.
    distance : that of labels' centroids, for `relative`; by default that is left out

    Returns
    -------
    For each level the means over clips of the cosine and Euclidean displacement, their quantiles,
    the squared Frechet distance and linear CKA: the columns of table displacement
    (docs/measures.md).

    Raises
    ------
    InputError
        For shapes that don't fit, or values that aren't finite.

    Examples
    --------
    >>> originals = np.eye(3)
    >>> X = np.stack([originals, originals + [1, 0, 0]])
    >>> [level["euclidean"] for level in measure_displacement(X, originals)]
    [0.0, 1.0]
    """
    X, originals = _as_array(X, "X", 3), _as_array(originals, "originals", 2)
    if originals.shape != X.shape[1:]:
        raise InputError(f"originals: has shape {originals.shape}, expected {X.shape[1:]} as X")
    return [displacement.describe_level(originals, points, distance) for points in X]


def classify_under_effect(
    training: ArrayLike,
    positive: ArrayLike,
    test: ArrayLike,
    test_positive: ArrayLike,
    basis: ArrayLike | None = None,
    solver: str = "exact",
) -> np.ndarray:
    """Train a classifier of one label at each level, and test each at every level.

    Parameters
    ----------
    training : (S, n, d), or (n, d)
        The same clips in S conditions, for example without the effect and at each level.
    positive : (n,) of bool
        Which clips are of the label; at least 5 are and 5 aren't.
    test : (T, m, d), or (m, d)
        Other clips.
    test_positive : (m,) of bool
    basis : (k, d) with orthonormal rows
        Projected out of both; by default nothing is.
    solver : ``exact`` (the converged optimum), or scikit-learn's ``liblinear``

    Returns
    -------
    (S, T), area under the ROC curve of logistic regression, C by cross-validation.

    Raises
    ------
    InputError
        For shapes that don't fit, values that aren't finite, or too few clips of a class.

    References
    ----------
    Section IV and Fig. 4 of Deng et al. (2025).

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> label = np.arange(400) % 2 == 0
    >>> originals = random.normal(size=(400, 4)) + label[:, None] * [3, 0, 0, 0]
    >>> both = np.stack([originals, originals * [0, 1, 1, 1]])  # the effect wipes the label out
    >>> classify_under_effect(both[0, :200], label[:200], both[:, 200:], label[200:]).round(1)
    array([[1. , 0.5]])
    """
    training, test = (
        np.atleast_3d(X.T).T if X.ndim == 2 else X
        for X in (_as_array(training, "training", 2, 3), _as_array(test, "test", 2, 3))
    )
    classes = {"positive": (positive, training), "test_positive": (test_positive, test)}
    for name, (given, X) in classes.items():
        given, fewest = np.asarray(given, dtype=bool), N_FOLDS if name == "positive" else 1
        if given.shape != X.shape[1:2] or min(given.sum(), (~given).sum()) < fewest:
            raise InputError(
                f"{name}: expected {X.shape[1]} booleans, one a clip, at least {fewest} of each"
            )
        classes[name] = given
    if basis is None:
        basis = np.empty((0, training.shape[-1]))
    basis = np.atleast_2d(_as_array(basis, "basis", 1, 2))
    trained = classification.train(training, classes["positive"], [basis], solver)
    scores = (trained.scores(points, (slice(None), 0)) for points in test)
    return np.stack(
        [classification.roc_auc(classes["test_positive"], each) for each in scores], axis=1
    )


def read_store(path: str | os.PathLike, expected: Mapping | None = None) -> "Store":
    """Read a store of embeddings, compared with its checksum.

    Parameters
    ----------
    path : of one effect's or the originals' store
        For example ``results/demo/embeddings/musicnn/gain.h5``. Needs h5py.
    expected : attributes that it must have

    Returns
    -------
    Its `embeddings`, float32 (P, N, d), or (N, d) of originals; `levels`, P texts or None;
    `clips`, N names; `attributes`.

    Raises
    ------
    InputError
        For a file that is missing, damaged or no store, or another attribute.

    Examples
    --------
    >>> write_store("gain.h5", np.ones((2, 1, 3)), clips=["a"], levels=["-10.0", "0.0"])
    >>> store = read_store("gain.h5")
    >>> store.embeddings.shape, store.levels
    ((2, 1, 3), ['-10.0', '0.0'])
    """
    from embedding_sensitivity.embeddings import store

    return store.read_store(path, expected)


def write_store(
    path: str | os.PathLike,
    embeddings: ArrayLike,
    clips: Sequence[str],
    levels: Sequence[str] | None = None,
    attributes: Mapping | None = None,
) -> None:
    """Write a store of embeddings; it is there as a whole or not at all.

    Parameters
    ----------
    path : the file to write, replaced where it is there. Needs h5py.
    embeddings : (P, N, d), or (N, d) without `levels`
        Kept as float32.
    clips : N names, none twice
    levels : P texts
    attributes : text, or what JSON can hold

    Raises
    ------
    InputError
        For shapes that don't fit, or an embedding that isn't finite.

    Examples
    --------
    >>> write_store("originals.h5", np.eye(2), clips=["a", "b"], attributes={"model": "mine"})
    >>> read_store("originals.h5").attributes["model"]
    'mine'
    """
    from embedding_sensitivity.embeddings import store

    try:
        store.write_store(path, np.asarray(embeddings), clips, levels, attributes)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def render(
    audio: ArrayLike,
    samplerate: int,
    effect: str,
    level: float,
    file: str | None = None,
    seed: int = SEED,
    other: ArrayLike | None = None,
    **entry: Any,
) -> np.ndarray:
    """Apply an effect at a level to one clip, from silence.

    Parameters
    ----------
    audio : (frames,) or (frames, channels)
        1 is full scale.
    samplerate : in Hz
    effect : name of one of docs/effects.md, ``reverb`` for example
        With `file` or `entry`, any name.
    level : in the effect's unit
    file : that declares an effect of your own, as in a config (CONTRIBUTING.md)
    seed : of an effect that draws random numbers, the clip's
    other : (frames,) or (frames, channels)
        The other clip, of an effect that mixes two.
    **entry : further keys of an entry of a config's `effects` (docs/effects.md)
        As in ``plugin="Compressor", vary="ratio", threshold_db=-30``.

    Returns
    -------
    float32 of the same shape, but for an effect that changes the length; not clipped and not
    quantised.

    Raises
    ------
    InputError
        For an effect, level or file that there isn't.

    Examples
    --------
    >>> render([[0.5], [-0.25]], 44100, "bitcrush", 1)
    array([[ 0.5],
           [-0. ]], dtype=float32)
    >>> entry = {"plugin": "Clipping", "vary": "threshold_db"}
    >>> render([[0.5], [-0.25]], 44100, "clip", -12, **entry).round(3)
    array([[ 0.251],
           [-0.25 ]], dtype=float32)
    """
    from embedding_sensitivity.effects import effect_named
    from embedding_sensitivity.effects.entries import choose
    from embedding_sensitivity.effects.rendering import fit_shape

    audio = _as_array(audio, "audio", 1, 2).astype(np.float32)
    channels = audio[:, None] if audio.ndim == 1 else audio
    entry |= {"file": file} if file else {}
    found = choose(effect, entry) if entry else effect_named(effect)
    if reason := found.find_fault(float(level), samplerate, channels.shape[1]):
        raise InputError(f"{effect}: {reason}")
    drawn = {"seed": seed} if found.needs_seed else {}
    if found.needs_other:
        if other is None:
            raise InputError(f"{effect}: mixes two clips: give the second as other")
        drawn["other"] = (
            _as_array(other, "other", 1, 2).astype(np.float32).reshape(-1, channels.shape[1])
        )
    process = found.build(float(level), samplerate, **drawn)
    shape = found.n_frames(float(level), len(channels)), channels.shape[1]
    effected = fit_shape(found, process(channels), shape)
    return np.asarray(effected, dtype=np.float32).reshape(-1, *audio.shape[1:])


def load_model(
    name: str,
    weights: str | os.PathLike | None = None,
    device: str = "cpu",
    clap_input: str = "concatenated",
    **options: Any,
) -> "EmbeddingModel":
    """Load an embedding model; its packages have to be installed (envs/ has them).

    Parameters
    ----------
    name : of one of docs/models.md, ``musicnn`` for example
        Or ``<model>-untrained``, the same network as it is initialised.
    weights : the file of published weights
        None for a model that brings its own, or is untrained.
    device : ``cpu``, or ``cuda:0`` and the like
    clap_input : ``concatenated`` or ``mono``, how CLAP gets a stereo clip
    **options : the model's own, as in a config (docs/models.md)

    Returns
    -------
    A model to `embed` with.

    Raises
    ------
    InputError
        For a model or option that there isn't, or weights that are missing.

    Examples
    --------
    >>> load_model("logmel").batch_size
    16
    """
    from embedding_sensitivity.models import choose

    choice = choose(name, options)
    if choice.weights_file and weights is None:
        raise InputError(f"weights: {name} needs the file {choice.weights_file}: give its path")
    return choice.load(weights, device=device, protocol={"clap_input": clap_input})


def embed(
    model: "EmbeddingModel", clips: Iterable[ArrayLike], samplerate: int, batch_size: int = 16
) -> np.ndarray:
    """Embed clips in their order.

    Parameters
    ----------
    model : of `load_model`
    clips : each (frames,) or (frames, channels), 1 is full scale
        Of any length and sample rate.
    samplerate : of the clips, in Hz
    batch_size : clips that are computed at once; no embedding depends on it

    Returns
    -------
    (n, d), float32.

    Raises
    ------
    InputError
        For clips of another shape, or values that aren't finite.

    Examples
    --------
    >>> tones = [np.sin(np.arange(44100) / 44100 * f * 2 * np.pi) for f in (220, 440)]
    >>> embed(load_model("logmel"), tones, samplerate=44100).shape
    (2, 256)
    """
    from embedding_sensitivity.embeddings.embedding import embed_each

    arrays = (_as_array(clip, "clips", 1, 2).astype(np.float32) for clip in clips)
    channels = (clip[:, None] if clip.ndim == 1 else clip for clip in arrays)
    prepared = (model.prepare(clip, samplerate) for clip in channels)
    (embeddings,) = embed_each(model, prepared, batch_size).values()
    return embeddings
