"""The class sum that becomes shorter as q(y|x) becomes sure."""

import builders
import keras
import pytest


@pytest.mark.parametrize("make", [builders.m2, builders.stacked])
def test_the_sum_shrinks_where_the_classes_are_sure(make):
    model = builders.compiled(make(class_sum="adaptive"), keras.optimizers.SGD(0.0))
    m2, _ = model.as_m2(builders.examples()[0])
    m2.classifier.layers[-1].bias.assign([20.0, 0.0, 0.0])

    model.fit(*builders.data_for(make), batch_size=15, epochs=2, verbose=0)

    assert m2.summed_classes == 1
