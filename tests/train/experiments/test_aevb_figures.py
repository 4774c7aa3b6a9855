import dataclasses

from train.experiments.aevb import figures, training


def made_up_curve(of, dataset, method, latent_dim, train_size):
    curve = training.Curve(of, dataset, method, latent_dim, 5, train_size, 0.02, 0)
    values = {"at": [10, 100], "train": [-9, -8], "test": [-9.5, -8.5], "seconds": [1, 2]}
    return {**dataclasses.asdict(curve), **values}


def test_figures_have_a_panel_for_each_setting():
    bounds = [
        made_up_curve("bound", dataset, method, latent_dim, None)
        for dataset, dims in (("mnist", (3, 5)), ("frey_face", (2,)))
        for latent_dim in dims
        for method in training.METHODS
    ]
    likelihoods = [made_up_curve("likelihood", "mnist", method, 3, 20) for method in figures.STYLES]

    of_bounds, of_likelihoods = figures.of_bounds(bounds), figures.of_likelihoods(likelihoods)

    titles = [axes.get_title() for axes in of_bounds.axes]
    assert titles == ["MNIST, 3-d z", "MNIST, 5-d z", "Frey faces, 2-d z"]
    assert all(len(axes.get_lines()) == 4 for axes in of_bounds.axes)
    assert [len(axes.get_lines()) for axes in of_likelihoods.axes] == [6, 6]
    assert len(of_likelihoods.legends[0].get_texts()) == 6
    for axes in (*of_bounds.axes, *of_likelihoods.axes):
        assert axes.get_xlabel() and axes.get_xscale() == "log"


def test_a_bad_start_of_wake_sleep_leaves_the_rest_visible():
    aevb, wake_sleep = (
        made_up_curve("bound", "mnist", method, 3, None) for method in training.METHODS
    )
    wake_sleep["train"][0] = -20_000

    (panel,) = figures.of_bounds([aevb, wake_sleep]).axes

    low, high = panel.get_ylim()
    assert low == -9.5 and -8 < high < -7


def test_nothing_to_draw(tmp_path):
    assert figures.draw(tmp_path) == []
