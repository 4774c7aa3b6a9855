"""Tables of the site, made at build time from the committed results, and from nothing else.

In a page, a block of the directive `measured` with the name of a function of `TABLES` stands for
the Markdown that it returns.
"""

import statistics

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from of_one_draw import auxiliary, connected, images
from results import DOCS, RESULTS, files, read, spread, table


def own_data():
    """The comparison on real tables: what `python -m train compare --report` writes."""
    if not list((RESULTS / "compare").rglob("*.json")):
        return "*Its cells have not been computed yet.*"
    from train.experiments.compare import report, summary

    text = report.markdown(summary.summarise(summary.read(RESULTS / "compare")))
    _, _, rest = text.partition("\n")  # Its title is the page's.
    return rest


def digits():
    """M1+M2 and the baselines on 8x8 digits."""
    draws = read(RESULTS / "digits-50" / "draws.json")
    ours = [draw["test_error"] for draw in draws]
    rows = [["**M1+M2**", spread(ours), ""]]
    for name in draws[0]["baselines"]:
        errors = [draw["baselines"][name]["test_error"] for draw in draws]
        more = [error - own for error, own in zip(errors, ours, strict=True)]
        rows.append([name, spread(errors), spread(more)])
    return table(["", "test error, %", "more than M1+M2, paired"], rows)


def timed_draws(timed):
    """Error and seconds of each draw, and their mean error."""
    rows = [
        [draw["seed"], f"{100 * draw['test_error']:.2f}", f"{draw['seconds']:.0f}"]
        for draw in timed
    ]
    rows.append(["**mean**", f"**{spread([draw['test_error'] for draw in timed])}**", ""])
    return table(["draw of 100 labels", "test error, %", "seconds, M1 and M2"], rows)


def smooth():
    """The default recipe of MNIST: the draws of table 1, with the seconds of both models."""
    draws = files("../table1", "mnist-m1+m2-smooth-100-*.json")
    return timed_draws([{**d, "seconds": d["seconds"] + d["m1_seconds"]} for d in draws])


def minutes():
    """The same on two cores without other work, of draws that are not in table 1."""
    return timed_draws(files("minutes", "mnist-smooth-*.json"))


def eight_minutes():
    """The recipe `mnist`: the timed draws, and the earlier ones."""
    earlier = files("eight-minutes", "mnist-m1+m2-100-[0-9].json")
    text = spread([draw["test_error"] for draw in earlier])
    return (
        timed_draws(files("eight-minutes", "timed-[0-9].json"))
        + f"\n\n{len(earlier)} draws with earlier versions of the code, most of which shared the "
        f"cores, err {text} %."
    )


def class_sums():
    """The adaptive sum over classes beside the exact one."""
    rows = []
    for name in ("exact", "adaptive"):
        draws = read(RESULTS / "class-sum" / f"{name}.json")
        seconds = statistics.mean(draw["m2_seconds_per_epoch"] for draw in draws)
        errors = spread([draw["test_error"] for draw in draws])
        rows.append([f'`class_sum="{name}"`', len(draws), errors, f"{seconds:.1f}"])
    return table(["", "draws", "test error, %", "seconds an epoch"], rows)


# File, title, what was trained.
LIKELIHOODS = (
    ("vae", "VAE, 784-200-200-50, tanh"),
    ("vae-100", "the same"),
    ("iwae-50", "the same as IWAE, k = 50"),
    ("iwae-50-100", "the same"),
    ("m1", "M1, recipe `mnist`"),
    ("m1+m2", "M1+M2, recipe `mnist`, 100 labels"),
)


def likelihoods():
    """log p(x) of models of MNIST."""
    rows = []
    for name, title in LIKELIHOODS:
        found = read(RESULTS / "likelihood" / f"{name}.json")
        training = found["training"]
        bound = f"{training['m1_bound']:.1f}" if "m1_bound" in training else ""
        samples = training["settings"]["m1"]["num_samples"]
        rows.append(
            [
                title,
                f"{training['settings']['m1']['epochs']} epochs of M1",
                bound + (f" (L_{samples})" if bound and samples > 1 else ""),
                f"{found['log_likelihood']:.2f} ± {found['monte_carlo_stderr']:.3f}",
                f"{found['test_set_stderr']:.2f}",
                f"{found['examples']:,}, {found['num_samples']:,}",
                f"{found['mean_bias']:.2f}",
                f"{found['khat_too_large']:.0%}",
            ]
        )
    head = ["", "training", "bound", "log p(x) ± Monte-Carlo error", "± by the examples"]
    return table([*head, "examples, samples", "bias", "k-hat above 0.7"], rows)


def aevb():
    """Where the curves of AEVB and of wake-sleep end."""
    rows = []
    for path in sorted((RESULTS / "aevb").glob("bound-*-aevb-*.json")):
        ours, other = read(path), read(str(path).replace("-aevb-", "-wake-sleep-"))
        rows.append((ours["dataset"], ours["latent_dim"], ours, other))
    rows.sort(key=lambda row: row[:2])
    return table(
        ["data", "size of z", "training points", "AEVB, test bound", "wake-sleep", "difference"],
        [
            [
                dataset.replace("_", " "),
                size,
                f"{ours['at'][-1]:,}",
                f"{ours['test'][-1]:.1f}",
                f"{other['test'][-1]:.1f}",
                f"{ours['test'][-1] - other['test'][-1]:+.1f}",
            ]
            for dataset, size, ours, other in rows
        ],
    )


def study():
    """The bound and the dimensions in use of many M1s."""
    found = [read(path) for path in sorted((DOCS / "figures" / "study").glob("*.json"))]
    rows = sorted(
        (
            f["settings"]["dataset"],
            f["settings"]["depth"],
            f["settings"]["latent_dim"],
            f["settings"]["epochs"],
            f"{f['test_bound']:.1f}",
            sum(nats > 0.1 for nats in f["kl"]),
        )
        for f in found
    )
    head = ["data", "hidden layers of the decoder", "size of z", "epochs", "test bound, nats"]
    return table([*head, "dimensions of more than 0.1 nats"], rows)


def speed():
    """`fit` against the matrix products in it, over the runs of the benchmark."""
    runs = [run["models"] for run in files("benchmark", "run-*.json")]
    later = [run["models"] for run in files("benchmark", "later-*.json")]
    rows = []
    for name, first in runs[0].items():
        ratios = [run[name]["ratio"] for run in runs]
        rates = [run[name]["images_per_second"] for run in runs]
        fits = [run[name]["fit_over_step"] for run in runs]
        rows.append(
            [
                name,
                first["batch_size"],
                f"{statistics.median(rates):,.0f}",
                f"**{statistics.median(ratios):.2f}**: " + ", ".join(f"{r:.2f}" for r in ratios),
                f"{statistics.median(fits):.2f}",
                ", ".join(f"{run[name]['ratio']:.2f}" for run in later),
                ", ".join(f"{run[name]['fit_over_step']:.2f}" for run in later),
            ]
        )
    head = ["", "batch", "images/s in `fit`", "products / step", "`fit` / step"]
    return table([*head, "products / step, later", "`fit` / step, later"], rows)


def scaling():
    """A step of one and of two workers."""
    one, two = (read(RESULTS / "scaling" / f"{name}.json") for name in ("one", "two"))
    rows = [
        [
            f"{int(size):,}",
            f"{1000 * seconds:.0f}",
            f"{1000 * two['predicted'][size]:.0f}",
            f"{1000 * two['seconds']['step'][size]:.0f}",
        ]
        for size, seconds in one["seconds"]["step"].items()
    ]
    exchange = two["seconds"]["exchange"]
    return (
        table(["examples a worker", "one worker, ms", "two, predicted", "two, measured"], rows)
        + f"\n\nA round of the ring takes {1000 * exchange['number']:.1f} ms, the exchange of the "
        f"{two['params'] / 1e6:.2f} million gradients {1000 * exchange['gradients']:.0f} ms; "
        f"balanced at {two['balanced_batch_size']:.0f} examples a worker."
    )


def memory():
    """What M2 takes while it is trained on files."""
    found = read(RESULTS / "scaling" / "memory.json")
    after = found["resident_mib_after_each_tenth"]
    return (
        f"{found['examples']:,} examples of {found['width']} numbers, "
        f"{found['files_mib']:.0f} MiB of files, take {found['seconds']:.0f} seconds; in use are "
        f"{found['resident_mib_before']:,.0f} MiB before `fit`, {after[0]:,.0f} after a tenth of "
        f"the examples and {after[-1]:,.0f} at the end."
    )


def scores():
    """How well scores tell other data from a model's own: AUROC, and what is outside of 99 %."""
    from train.score import DETECTORS

    rows = []
    for path in sorted((RESULTS / "score").glob("*.json")):
        found = read(path)
        title = f"{found['model']} of {found['dataset']}"
        test = found["test"]
        rows.append([title, "its own test set", *shown_scores(test), *[""] * len(DETECTORS)])
        for name, each in found["against"].items():
            areas = [f"{each['auroc'][d]:.3f}" if d in each["auroc"] else "" for d in DETECTORS]
            rows.append(["", name, *shown_scores(each), *areas])
    head = ["model", "data", "examples", "mean score, nats", "outside of 99 %"]
    return table([*head, *DETECTORS], rows)


def shown_scores(found):
    outside = f"{100 * found['outside']:.1f} %"
    return f"{found['examples']:,}", f"{found['mean_score']:.1f}", outside


def load():
    """What became of the requests of many clients, some of whom send bad rows."""
    found = read(RESULTS / "load" / "batched.json")
    rows = [
        [
            f"{100 * run['share']:g} %",
            f"{run['good']:,}",
            run["failed"],
            f"{run['bad']:,}",
            run["missed"] if run["bad"] else "–",
            run["per_second"],
        ]
        for run in found["runs"]
    ]
    head = ["requests with a bad row", "good ones", "of them failed or wrong", "bad ones"]
    return table([*head, "of them not told apart", "requests a second"], rows)


TABLES = {
    function.__name__.replace("_", "-"): function
    for function in (
        own_data,
        digits,
        smooth,
        minutes,
        eight_minutes,
        images,
        connected,
        auxiliary,
        class_sums,
        likelihoods,
        aevb,
        study,
        speed,
        scaling,
        memory,
        scores,
        load,
    )
}


class Measured(Directive):
    """The table of a name."""

    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        if name not in TABLES:
            raise self.error(f"`measured` must be one of {', '.join(TABLES)}, got {name}")
        node = nodes.Element()
        node.document = self.state.document
        lines = StringList(TABLES[name]().splitlines(), source=f"measured {name}")
        self.state.nested_parse(lines, self.content_offset, node, match_titles=1)
        return node.children


def setup(app):
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True}
