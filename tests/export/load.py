"""Many clients at once, some of whom send what is wrong.

python -m tests.export.load MODEL.keras BUNDLE [SHARE …] [--output FILE.json] prints what became of
the good requests for each share of bad ones, and writes it; the bundle's batching.config is used.
"""

import argparse
import json
import os
import time
from concurrent import futures
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_service_pb2_grpc

from export import reference, servable
from keras_dgm.runs import files
from tests.export.batching import read
from tests.export.prediction_service import Service, serve

CLIENTS = 32
SIZES = (1, 1, 1, 2, 5, 19, 70)


def spoil(rows, rng):
    """Rows of which one holds what no model takes."""
    rows = rows.copy()
    rows[rng.integers(len(rows)), rng.integers(rows.shape[1])] = np.nan
    return rows


def run(address, name, x, expected, count, share, clients=CLIENTS):
    """Send requests, and look at every answer.

    Args:
        address: of the server.
        name: of the model.
        x: examples [N, D].
        expected: their probabilities, [N, K].
        count: of the requests.
        share: of them with a bad row.
        clients: threads that send them, one after the other each.

    Returns:
        How many requests were good, how many of these failed or got a wrong answer, how many were
        bad, how many of these did not have their bad row told apart, and requests a second.
    """

    def client(number):
        rng = np.random.default_rng(number)
        found = dict.fromkeys(("good", "failed", "bad", "missed"), 0)
        with grpc.insecure_channel(address) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            for i in range(count // clients):
                rows = rng.integers(len(x), size=rng.choice(SIZES))
                is_bad = rng.random() < share
                images = spoil(x[rows], rng) if is_bad else x[rows]
                if i % 3:
                    message = servable.request(name, "serving_default", {"images": images})
                else:
                    files = reference.strings([reference.tf_example(row) for row in images])
                    message = servable.request(name, "examples", {"examples": files})
                found["bad" if is_bad else "good"] += 1
                ok = np.isfinite(images).all(axis=1)
                try:
                    answer = stub.Predict(message, timeout=60).outputs
                except grpc.RpcError:
                    found["failed"] += not is_bad
                    found["missed"] += is_bad
                    continue
                probabilities = tf.make_ndarray(answer["probabilities"])
                same = np.abs(probabilities[ok] - expected[rows][ok]) <= 1e-5
                blank = np.isnan(probabilities[~ok]).all()
                valid = np.array_equal(tf.make_ndarray(answer["valid"]), ok)
                if not (same.all() and blank and valid):
                    found["missed" if is_bad else "failed"] += 1
        return found

    started = time.perf_counter()
    with futures.ThreadPoolExecutor(clients) as pool:
        parts = list(pool.map(client, range(clients)))
    seconds = time.perf_counter() - started
    total = {key: sum(part[key] for part in parts) for key in parts[0]}
    return {**total, "share": share, "per_second": round((total["good"] + total["bad"]) / seconds)}


def main():
    from export import report, source

    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("shares", type=float, nargs="*", default=[0.0, 0.01, 0.05])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    given = parser.parse_args()
    marker = files.read_json(given.bundle / "bundle.json")
    folder = given.bundle / "servable" / marker["name"] / str(marker["version"])
    model = source.load_model(given.model)
    x = np.random.default_rng(0).random((500, model.input_dim), np.float32)
    expected = model.predict(x, verbose=0)
    found = []
    service = Service(folder, marker["name"], given.bundle / "batching.config")
    with serve(service, CLIENTS) as address:
        for share in given.shares:
            found.append(run(address, marker["name"], x, expected, given.count, share))
            print(json.dumps(found[-1]), flush=True)
    if given.output is not None:
        given.output.parent.mkdir(parents=True, exist_ok=True)
        facts = {
            "model": model.title,
            "name": marker["name"],
            "features": model.input_dim,
            "clients": CLIENTS,
            "sizes": SIZES,
            "cores": os.cpu_count(),
            "load_average": os.getloadavg()[1],
            "batching": read(given.bundle / "batching.config"),
            "versions": report.versions(),
        }
        files.write_json(given.output, {**facts, "runs": found})


if __name__ == "__main__":
    main()
