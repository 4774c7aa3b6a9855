"""The examples in docstrings run, and what people meet first has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import keras_dgm as dgm
from keras_dgm import classifiers, evaluation, likelihoods, models, preprocessing

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
PUBLIC = (
    *(models.M1, models.M2, models.StackedM1M2, models.ADGM, models.SDGM),
    *(models.ConditionalM1, dgm.KLWarmUp, dgm.Convolutional),
    *(getattr(classifiers, name) for name in classifiers.__all__),
    *(getattr(preprocessing, name) for name in ("PCA", "Standardize", "TableEncoder")),
    *(likelihoods.NAMES.values()),
    *(likelihoods.Likelihood, likelihoods.Categorical, likelihoods.Columns),
    *(evaluation.calibration, evaluation.confusion, evaluation.kl_per_dimension),
    *(evaluation.log_likelihood, evaluation.posterior_probs),
    *(dgm.data.load, dgm.data.from_frame, dgm.data.load_table, dgm.data.read_table),
    *(dgm.data.draw_labels, dgm.data.infer_columns, dgm.data.encode_rows, dgm.data.Column),
    *(dgm.generation.samples, dgm.generation.styles, dgm.generation.manifold),
    *(dgm.generation.impute, dgm.generation.tile, dgm.generation.project),
)


def examples():
    """The doctests of all modules, by the name of what they are of."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for found in pkgutil.walk_packages(dgm.__path__, "keras_dgm."):
        if inspect.getsource(importlib.import_module(found.name)).count(">>> "):
            yield from (t for t in finder.find(importlib.import_module(found.name)) if t.examples)


@pytest.mark.parametrize("public", PUBLIC, ids=lambda public: public.__name__)
def test_what_people_meet_first_has_an_example(public):
    assert ">>> " in public.__doc__


@pytest.mark.slow
@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_the_example_runs(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=FLAGS)

    runner.run(example)

    assert runner.failures == 0
