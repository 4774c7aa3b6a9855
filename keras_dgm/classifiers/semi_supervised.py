"""The semi-supervised classifier for a table of one's own, as a scikit-learn estimator."""

import contextlib
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from keras_dgm import checks, networks
from keras_dgm.classifiers.generative import Generative
from keras_dgm.classifiers.labels import accuracy, encode
from keras_dgm.classifiers.members import few_labels, teach
from keras_dgm.data.columns import Column, columns_of, infer_columns
from keras_dgm.data.readers import check_names
from keras_dgm.data.schema import encode_rows
from keras_dgm.data.tables import check_any
from keras_dgm.models import M2
from keras_dgm.preprocessing import TableEncoder

# On a table of up to so many columns; and a divisor, so that an execution takes several steps.
STEPS, NARROW, DIVISOR = 1000, 2000, 8


class SemiSupervisedClassifier(ClassifierMixin, BaseEstimator):
    """M2 on the columns of a table: few labels, and all rows to learn from.

    `fit` standardises real columns, by ranks where their tails are heavy; takes columns of 0 and 1
    as binary; and models each kind by its own likelihood, missing entries (NaN) left out of it.
    q(y|x) first learns from the labelled rows alone, then from all. The columns of a frame are what
    `keras_dgm.data.infer_columns` finds them to be: texts are categories, and identifiers and
    constants are left out.

    Args:
        latent_dim: the size of z, what the class does not say.
        hidden_units: widths of the hidden layers of each network.
        alpha: weight of the classification loss, as of `M2`.
        classifier_l2: weight of the squares of the weights of q(y|x). Without it, the labels alone
            make q(y|x) so sure that the other rows cannot correct it.
        labels_first: steps on the labelled rows alone, before the others.
        steps: steps on all rows; None: 1,000, and beyond 2,000 columns fewer, in proportion.
        batch_size: rows of a step.
        labels_per_batch: at least so many of them have a label.
        learning_rate: of Adam; it decays to 0 along half a cosine.
        class_prior: as of `M2`; None: uniform.
        committee: whether a committee of logistic regression, extra trees, label spreading, a
            transductive SVM and M2 itself, each believed as far as cross-validation on the labels
            says, has the last word: q(y|x) is refitted to what they say together of at most 5,000
            rows. Beyond 5,000 labels there is none.
        random_state: of the initial weights and the noise: None, an integer or a `RandomState`.

    Attributes:
        classes_: [K], the labels, in order.
        model_: the trained `M2`, of the columns as they are, categories as codes.
        columns_: what it sees of each column, a tuple of `Column`.
        left_out_: of a frame, the reason why a column is not used, by name; None of an array.
        members_: of the committee, by name, the `error` in cross-validation and the `weight`.
        n_features_in_: D.
        feature_names_in_: of a frame, the names of all columns.

    Raises:
        ValueError: by `fit`, if an argument is out of range, X is infinite, or y holds fewer than
            two classes; by what follows, if X has other columns or, where `fit` saw no missing
            entry, has one.

    References:
        Kingma, Rezende, Mohamed, Welling, "Semi-supervised Learning with Deep Generative Models",
        NIPS 2014, arXiv 1406.5298.

    Examples:
        >>> import numpy as np
        >>> from sklearn.datasets import load_wine
        >>> from keras_dgm.classifiers import SemiSupervisedClassifier
        >>> x, y = load_wine(return_X_y=True)
        >>> few = np.where(np.arange(len(y)) % 10 == 0, y, -1)  # -1: unknown
        >>> classifier = SemiSupervisedClassifier(
        ...     labels_first=50, steps=50, committee=False, random_state=0
        ... )
        >>> probs = classifier.fit(x, few).predict_proba(x)
        >>> probs.shape
        (178, 3)
        >>> classifier.score(x, y) > 0.8
        True
    """

    columns_: tuple[Column, ...]
    left_out_: Mapping[str, str] | None

    def __init__(
        self,
        *,
        latent_dim: int = 5,
        hidden_units: Sequence[int] = (96,),
        alpha: float = 10.0,
        classifier_l2: float = 0.05,
        labels_first: int = 200,
        steps: int | None = None,
        batch_size: int = 96,
        labels_per_batch: int = 32,
        learning_rate: float = 3e-3,
        class_prior: Any = None,
        committee: bool = True,
        random_state: Any = None,
    ):
        self.latent_dim = latent_dim
        self.hidden_units = hidden_units
        self.alpha = alpha
        self.classifier_l2 = classifier_l2
        self.labels_first = labels_first
        self.steps = steps
        self.batch_size = batch_size
        self.labels_per_batch = labels_per_batch
        self.learning_rate = learning_rate
        self.class_prior = class_prior
        self.committee = committee
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> "SemiSupervisedClassifier":
        """Fit to X [N, D], an array or a frame, NaN where an entry is missing, and y [N].

        Labels are integers or texts; -1, None, NaN and "" say that a label is unknown.
        """
        if self.steps is not None:
            checks.check_positive_integer(self.steps, argument="steps")
        checks.check_number(self.learning_rate, argument="learning_rate", positive=True)
        checks.check_number(self.classifier_l2, argument="classifier_l2")
        checks.check_flag(self.committee, argument="committee")
        X = self._numbers(X, reset=True)
        self.classes_, labels = encode(y, len(X))
        seed = int(check_random_state(self.random_state).randint(2**31))
        with seeded(seed):
            self._fit(X, labels, self.steps or affordable_steps(X.shape[1]), seed)
        return self

    def _fit(self, X: np.ndarray, labels: np.ndarray, steps: int, seed: int) -> None:
        encoder = TableEncoder(self.columns_)
        encoder.adapt(X)
        self.model_ = self._model(
            likelihood=encoder.likelihood(),
            missing=bool(np.isnan(X).any()),
            preprocessor=encoder,
            seed=seed,
        )
        generative = Generative(
            self.model_,
            X,
            self.batch_size,
            self.labels_per_batch,
            steps,
            self.labels_first,
            self.learning_rate,
        )
        self.members_ = {}
        if not (self.committee and few_labels(labels)):
            generative.train(labels)
            return
        self.members_ = teach(
            self.model_,
            self._model,
            X,
            labels,
            seed,
            self.batch_size,
            self.labels_per_batch,
            own=generative.opinion(labels, seed),
        )

    def _numbers(self, X: Any, reset: bool) -> np.ndarray:
        """X as float32 [N, D]; of a frame the columns in use, categories as codes."""
        is_frame = hasattr(X, "iloc")
        if not reset and self.left_out_ is not None and not is_frame:
            raise ValueError(f"X must be a frame, as in `fit`, got {type(X).__name__}")
        if is_frame and (reset or self.left_out_ is not None):
            validate_data(self, X, skip_check_array=True, reset=reset)
            return self._codes(check_names(X), reset)
        X = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=reset)
        if reset:
            self.columns_, self.left_out_ = columns_of(X), None
        return X

    def _codes(self, frame: Any, reset: bool) -> np.ndarray:
        if reset:
            types = infer_columns(frame)
            check_any(types.columns, types.left_out)
            self.columns_, self.left_out_ = types.columns, types.left_out
        x = encode_rows(frame, self.columns_, ignored=tuple(self.left_out_ or ()))
        if not reset and not self.model_.missing and np.isnan(x).any():
            row, column = np.argwhere(np.isnan(x))[0]
            name = self.columns_[column].name
            raise ValueError(
                f"X must have no missing or new entry in column {name!r}, as in `fit`, got "
                f"{frame[name].iloc[row]} in row {row}; with one in `fit` it may"
            )
        return x

    def _model(self, **options: Any) -> M2:
        num_classes = len(self.classes_)
        hidden_units = checks.check_widths(self.hidden_units, argument="hidden_units", at_least=1)
        regularizer = keras.regularizers.L2(self.classifier_l2)
        return M2(
            num_classes,
            self.latent_dim,
            hidden_units,
            classifier=networks.mlp(
                hidden_units, num_classes, "relu", kernel_regularizer=regularizer
            ),
            alpha=self.alpha,
            activation="relu",
            class_prior=self.class_prior,
            class_names=[str(label) for label in self.classes_],
            **options,
        )

    def predict_proba(self, X: Any) -> np.ndarray:
        """q(y|x), [N, K], the classes in the order of `classes_`."""
        check_is_fitted(self)
        return self.model_.predict(self._numbers(X, reset=False), batch_size=1000, verbose=0)

    def predict(self, X: Any) -> np.ndarray:
        """The most likely label of each row, [N]."""
        probs = self.predict_proba(X)
        return self.classes_[probs.argmax(axis=1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy on the rows that have a label.

        Raises:
            ValueError: if none has.
        """
        return accuracy(self.predict, X, y, sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.non_deterministic = True
        return tags


def affordable_steps(num_columns: int) -> int:
    """As many as take no longer than with 2,000 columns."""
    steps = STEPS * NARROW // max(NARROW, num_columns)
    return max(1, steps // DIVISOR) * DIVISOR


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from this seed within; NumPy and Python then go on where they were.

    Keras and TensorFlow, which do not tell their seed, keep this one.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
