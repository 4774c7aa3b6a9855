"""Cross-validation: labelled rows are held out, the others are in every training set."""

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.model_selection import cross_val_score

import keras_dgm as dgm
from keras_dgm.classifiers import LabeledStratifiedKFold, TransductiveSVM

Y = np.array([0, 1, -1, 0, -1, 1, 0, 1, -1, -1, -1, 0])
TEXTS = np.array(["zero", "one", None], object)[Y]


@pytest.mark.parametrize("y", [Y, TEXTS, Y.astype(float), Y[:, None]])
@pytest.mark.parametrize("options", [{}, {"shuffle": True, "random_state": 0}])
def test_folds(y, options):
    cv = LabeledStratifiedKFold(3, **options)
    folds = list(cv.split(np.zeros([12, 2]), y))

    assert len(folds) == cv.get_n_splits() == 3
    tested = np.concatenate([test for _, test in folds])
    np.testing.assert_array_equal(np.sort(tested), np.flatnonzero(Y >= 0))
    for train, test in folds:
        assert set(np.flatnonzero(Y < 0)) <= set(train)
        assert set(train) | set(test) == set(range(12)) and not set(train) & set(test)
        assert set(Y[test]) == {0, 1}


def test_without_labels():
    with pytest.raises(ValueError, match="the target y is None"):
        next(LabeledStratifiedKFold().split(np.zeros([4, 1])))


def test_scores_of_a_transductive_svm():
    X, y = make_blobs(60, 2, centers=3, random_state=0)
    few = np.where(np.arange(60) < 30, y, -1)
    svm = clone(TransductiveSVM(kernel="linear", random_state=0))

    scores = cross_val_score(svm, X, few, cv=LabeledStratifiedKFold(3))
    log_losses = cross_val_score(
        svm, X, few, cv=LabeledStratifiedKFold(3), scoring="neg_log_loss", error_score="raise"
    )

    assert scores.mean() > 0.8
    assert np.isfinite(log_losses).all()
    assert "LabeledStratifiedKFold(n_splits=3" in repr(LabeledStratifiedKFold(3))


def test_keras_wrapper_says_what_to_take_instead():
    X, y = make_blobs(20, 2, random_state=0)
    model = dgm.M2(3, 2, (4,), likelihood="gaussian")
    model.compile("adam", run_eagerly=True)

    with pytest.raises(ValueError, match=r"`y` must have shape \[N\].*SemiSupervisedClassifier"):
        keras.wrappers.SKLearnClassifier(model, fit_kwargs={"verbose": 0}).fit(X, y)
