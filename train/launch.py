"""Several workers on this host, to try out what `fit --strategy multi-worker` does over many."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time

import tyro

from train.settings import Positive

COMMANDS = ("fit", "draws", "scaling")
# What the others get to say that they have lost a worker; a silent one is noticed in 10 to 20.
SECONDS_TO_END = 30


@dataclasses.dataclass(frozen=True)
class LaunchConfig:
    """Run a command as several workers on this host."""

    workers: Positive = 2
    """How many processes."""
    command: tyro.conf.Positional[tuple[str, ...]] = ()
    """After --: fit, draws or scaling and its options; --strategy multi-worker is added."""


def run(config):
    """Run the workers to their end, and return the exit status: 0, or that of the first to fail.

    SIGTERM and SIGINT are handed on to them.

    Raises:
        ValueError: if there is no such command.
    """
    if not config.command or config.command[0] not in COMMANDS:
        raise ValueError(f"`command` must be {', '.join(COMMANDS)}, after --, got {config.command}")
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(config.workers)]}
    command = [sys.executable, "-m", "train", *config.command, "--strategy", "multi-worker"]
    processes = []
    try:
        for index in range(config.workers):
            task = {"cluster": cluster, "task": {"type": "worker", "index": index}}
            environment = {**os.environ, "TF_CONFIG": json.dumps(task)}
            # A session of its own, so that Ctrl-C reaches it once.
            processes.append(subprocess.Popen(command, env=environment, start_new_session=True))
        with handing_on_signals(processes):
            return wait(processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def free_ports(count):
    """So many ports of localhost that nothing listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def handing_on_signals(processes):
    """Send SIGTERM and SIGINT to the processes instead of ending on them."""

    def hand_on(number, frame):
        for process in processes:
            process.send_signal(number)

    previous = {n: signal.signal(n, hand_on) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def wait(processes):
    """The exit status of the first process to fail, once the others have had time to end; or 0."""
    failed = None
    while failed is None:
        statuses = [process.poll() for process in processes]
        if not any(status is None for status in statuses) and not any(statuses):
            return 0
        failed = next((index for index, status in enumerate(statuses) if status), None)
        time.sleep(0.1)
    status = statuses[failed]
    how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with {status}"
    print(f"launch: worker {failed} {how}; ending the others", file=sys.stderr, flush=True)
    deadline = time.monotonic() + SECONDS_TO_END
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0, deadline - time.monotonic()))
    return 128 - status if status < 0 else status
