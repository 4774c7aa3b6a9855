"""What is said of pictures: the numbers are those of the run."""

from types import SimpleNamespace

import numpy as np

from train import findings, pictures


class Parity:
    """Takes an example for the class of its first entry."""

    def predict(self, x, batch_size, verbose):
        return np.eye(2)[x[:, 0].astype(int)]


def test_images_are_recognised_by_their_classes():
    made = np.zeros([2, 3, 4])
    made[1, :2, 0] = 1  # The third of class 1 looks like class 0.

    images, labels = pictures.with_classes(made)

    assert images.shape == (6, 4) and labels.tolist() == [0, 0, 0, 1, 1, 1]
    found = findings.recognised(Parity(), images, labels)
    assert found.startswith("q(y|x) takes 5 of these 6 ") and "(83%; by chance 50%)" in found


def test_the_classes_of_grids_are_those_that_are_shown():
    images, labels = pictures.with_classes(np.zeros([2, 3, 3, 4]), [4, 8])

    assert images.shape == (18, 4) and np.unique(labels, return_counts=True)[1].tolist() == [9, 9]
    assert labels[0] == 4 and labels[-1] == 8


def test_distances_are_to_the_nearest_complete_training_example():
    train = np.array([[0.0, 0], [3, 4], [np.nan, 1]])
    data = SimpleNamespace(x_train=train, x_test=np.array([[0.0, 1], [9, 9]]))

    found = findings.distances(np.array([[0.0, 2]]), data)

    assert "they are 2.00 away from the nearest of 2 training examples, test examples 1.00" in found
    data.x_train = train[2:]
    assert findings.distances(np.array([[0.0, 2]]), data) == ""


def test_neighbours_of_another_class_are_counted_among_the_labelled():
    codes = np.array([[0.0], [1], [1.5], [9], [9.1]])

    assert "1 dimensions" not in findings.apart(codes, np.array([-1] * 5))
    found = findings.apart(codes, np.array([0, 0, 1, 1, -1]))
    assert "50.0% of these examples" in found  # Those at 1 and 1.5; 9 is nearest to 1.5.


def test_the_course_of_a_training():
    history = {"elbo": [-9, -5.0, -4], "val_elbo": [-8, -6.0, np.nan]}

    found = findings.course(history)

    assert "from -9.0 to -4.0 nats in 3 epochs" in found
    assert "best in epoch 2, -6.0 nats, and ended at -6.0" in found
    assert findings.course({"loss": [1.0]}) == ""
