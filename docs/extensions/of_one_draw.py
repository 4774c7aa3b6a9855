"""Tables of single runs, one draw of the labels each, out of the committed results."""

from results import RESULTS, read, table

# File, data, model and recipe.
IMAGES = (
    ("images/mnist-conv-100-100", "MNIST", "M1+M2, `mnist-conv`"),
    (
        "images/mnist-conv-m2-100-100",
        "MNIST",
        "M2, `mnist-conv-m2`, 12 epochs, taught by a taught M2",
    ),
    (
        "images/mnist-conv-m2-taught-100-13",
        "MNIST",
        "M2, `mnist-conv-m2`, taught by the fully connected M1+M2 of draw 13 below",
    ),
    ("images/mnist-conv-m2-1000-100", "MNIST", "M2, `mnist-conv-m2`"),
    ("images/mnist-conv-m2-all-100", "MNIST", "M2, `mnist-conv-m2`, alpha = 10"),
    ("images/fashion_mnist-100-100", "Fashion-MNIST", "M1+M2, `fashion_mnist`"),
    ("images/fashion_mnist-1000-100", "Fashion-MNIST", "the same, on the same M1"),
    ("images/usps-100-0", "USPS", "M1+M2, `usps`"),
    ("images/svhn-partial-1000-0", "SVHN, a part", "M1+M2, `svhn`, on an M1 of 134 seconds"),
)
CONNECTED = (
    (
        "images/fashion_mnist-fully-connected-100-100",
        "Fashion-MNIST",
        "M1+M2, `mnist-smooth`, not binary",
    ),
    (
        "images/fashion_mnist-fully-connected-1000-100",
        "Fashion-MNIST",
        "the same, on the same M1",
    ),
    (
        "images/fashion_mnist-m2-1000-100",
        "Fashion-MNIST",
        "M2, `mnist-m2-smooth`, not binary",
    ),
)
AUXILIARY = (
    ("mnist-m2-taught/teacher-100", "MNIST", "M1+M2, `mnist-smooth`"),
    ("mnist-m2-taught/taught-100", "MNIST", "M2, `mnist-m2-taught`, taught by this M1+M2"),
    (
        "auxiliary/sdgm-taught-100-100",
        "MNIST",
        "SDGM, `mnist-m2-taught`, 10 epochs, taught by such an M2",
    ),
    ("minutes/mnist-smooth-13", "MNIST", "M1+M2, `mnist-smooth`"),
    ("auxiliary/m1sdgm-100-13", "MNIST", "M1+SDGM, `mnist-smooth`, on its M1"),
    ("auxiliary/m1adgm-100-13", "MNIST", "M1+ADGM, `mnist-smooth`, on its M1"),
    ("minutes/mnist-m2-taught-13", "MNIST", "M2, `mnist-m2-taught`, taught by this M1+M2"),
    (
        "auxiliary/adgm-taught-100-13",
        "MNIST",
        "ADGM, `mnist-m2-taught`, 10 epochs, taught by this M2",
    ),
    ("auxiliary/sdgm-100-13", "MNIST", "SDGM, `mnist-sdgm`"),
)


def errors(runs):
    """Errors of one run each, beside the best baseline where the run compared any."""
    rows = []
    for name, data, model in runs:
        found = read(RESULTS / f"{name}.json")
        low, high = found["interval"]
        baselines = {key: each["test_error"] for key, each in found.get("baselines", {}).items()}
        best = min(baselines, key=baselines.get) if baselines else None
        seconds = found["seconds"]
        rows.append(
            [
                data,
                found["dataset"]["num_labeled"],
                found["seed"],
                model,
                f"{100 * found['valid_error']:.2f}",
                f"{100 * found['test_error']:.2f}",
                f"{100 * low:.2f} to {100 * high:.2f}",
                f"{best} {100 * baselines[best]:.2f}" if best else "",
                f"{seconds / 60:.0f}" if seconds else "",
            ]
        )
    head = ["data", "labels", "draw", "model, recipe", "validation error, %", "test error, %"]
    return table([*head, "95 % interval of the examples", "best baseline", "minutes"], rows)


def images():
    """Convolutional models."""
    return errors(IMAGES)


def connected():
    """Fully connected models, on the draws of the convolutional ones."""
    return errors(CONNECTED)


def auxiliary():
    """SDGM and ADGM, beside what taught them or shares an M1 with them."""
    return errors(AUXILIARY)
