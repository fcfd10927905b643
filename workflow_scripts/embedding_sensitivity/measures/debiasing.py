"""What projecting directions out does to classifiers (Fig. 4)."""

from embedding_sensitivity.experiment.measures import (
    CLASSIFIERS,
    DEBIASING,
    OF_DEBIASING,
    FigureKind,
    Measure,
    Table,
    combine,
    describe,
)

CELL = ("model", "effect", "label", "method", "threshold", "train", "test")
MEASURE = Measure(
    title="classifiers before and after debiasing",
    two_sided="each level by itself, without the neutral one; directions are fitted to both sides "
    "together, and `average_displacement` is near 0 where they are opposite",
    section=DEBIASING,
    group=CLASSIFIERS,
    needs_directions=True,
    reads=OF_DEBIASING,
    tables=(
        Table(
            "n_directions",
            describe(
                "model effect label threshold",
                n_directions="singular directions that the threshold keeps",
            ),
            ("model", "effect", "label", "threshold"),
        ),
        Table(
            "auc",
            describe(
                " ".join(CELL),
                roc_auc="ROC AUC on the test clips, the label against the rest",
                best_c="penalty C that cross-validation chose",
                n_tied_c="penalties that were as good",
                n_train="clips the classifier is trained on",
                n_test="clips it is tested on",
                low="lower end of the AUC's 95 % interval, over test recordings",
                high="its upper end",
            ),
            CELL,
        ),
        Table(
            "auc_gain",
            describe(
                " ".join(CELL),
                gain="ROC AUC less that of `none` in the same cell",
                low="lower end of its 95 % interval, over test recordings",
                high="its upper end",
                p="p-value of no gain, two-sided",
                p_adjusted="Benjamini and Hochberg's, of the cells that the verdict counts",
                n_groups="test recordings of the label, or of the rest if fewer",
                detectable_gain="gain that would be clear by itself among all cells that the "
                "verdict counts: t (1 - .05 / 2 m) times its standard deviation",
                responds="0 where the label doesn't respond: nothing is projected out, and no "
                "verdict counts it",
            ),
            CELL,
        ),
        Table(
            "verdicts",
            describe(
                "model effect method threshold",
                helps="cells (label, level) that the method clearly helps",
                harms="cells it clearly harms",
                neither="the rest of those tested",
                mean_gain="mean gain over all cells of labels that respond",
                train="`original` or `effected`",
                test="the other of the two",
                untested="cells of labels with too few recordings, or that don't respond",
                lowest_gain="lowest gain of a cell",
                highest_gain="highest gain of a cell",
                detectable_gain="smallest `detectable_gain` of a cell; empty where no gain varies",
            ),
            ("model", "effect", "method", "threshold", "train", "test"),
            in_report=True,
            derived_from=("auc_gain",),
            derive="summarise_gains",
        ),
    ),
    figures=(
        FigureKind(
            "auc",
            "ROC AUC against level, both training directions",
            ("auc",),
            style={"line_width": 0.9, "hide": []},
            paper="Fig. 4",
            draw="draw_auc",
        ),
        FigureKind(
            "auc_gain",
            "gain in AUC of each method at each level, pale where it is not clear",
            ("auc_gain",),
            style={"hide": []},
            paper="question IV",
            draw="draw_gain",
        ),
        FigureKind(
            "verdicts",
            "gain of each method and share of cells it helps or harms, every model in one",
            ("verdicts",),
            per="effect",
            style={"point_size": 3.0, "hide": []},
            paper="question IV",
            draw="draw_verdicts",
        ),
    ),
)


def measure(data, methods, thresholds, solver) -> dict:
    import numpy as np

    from embedding_sensitivity.analysis.classifiers import classification
    from embedding_sensitivity.analysis.directions import n_directions
    from embedding_sensitivity.effects.levels import ORIGINAL

    everyone, applied = data.everyone, ~data.neutral
    classification.check_test_clips(everyone.test)
    # Test clips are read when the training set has gone: a job has no room for both.
    trained, variants, n_train = classification.train_label(data, methods, thresholds, solver)
    # In one order, whatever that of the split: the resamples are drawn for the clips in turn.
    tests = sorted(clip for ids in everyone.test.values() for clip in ids)
    effected = everyone.effected(tests)
    names = [ORIGINAL, *(data.levels[row] for row in np.flatnonzero(applied))]
    points = [everyone.originals(tests), *(effected[row] for row in np.flatnonzero(applied))]
    areas, gains = classification.evaluate(
        trained,
        variants,
        dict(zip(names, points, strict=True)),
        np.isin(tests, data.test.clips),
        [everyone.group_of[clip] for clip in tests],
    )
    return {
        "auc": [{**row, "n_train": n_train, "n_test": len(tests)} for row in areas],
        "auc_gain": [{**row, "responds": data.responds} for row in gains],
        "n_directions": [
            {
                "threshold": threshold,
                "n_directions": n_directions(data.directions.singular_values, threshold),
            }
            for threshold in thresholds
        ],
    }


def conclude(found) -> dict:
    from embedding_sensitivity.analysis.classifiers.verdicts import adjust

    tables = combine(found)
    adjust(tables["auc_gain"])
    return tables


def summarise_gains(tables) -> list[dict]:
    from embedding_sensitivity.analysis.classifiers.verdicts import verdict_rows

    return verdict_rows(tables["auc_gain"])


def draw_auc(tables, subject, style):
    from embedding_sensitivity.figures.auc import plot_auc

    return plot_auc(subject.model, subject.labels, subject.effect, style, tables["auc"])


def draw_gain(tables, subject, style):
    from embedding_sensitivity.figures.auc_gain import plot_auc_gain

    what = subject.model, subject.labels, subject.effect, style
    return plot_auc_gain(*what, tables["auc_gain"])


def draw_verdicts(tables, subject, style):
    from embedding_sensitivity.figures.verdicts import plot_verdicts

    return plot_verdicts(subject.models, subject.effect.name, style, tables["verdicts"])
