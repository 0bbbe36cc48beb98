"""Two machines, played by two network namespaces with a virtual cable between them."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from benchmarks.workers import proof
from shared.registry import TWINS
from shared.workers import CLUSTER, HOST, PORT, RANK, SIZE
from tests.support.commands import ROOT, child_environment

VARIANTS = {"pytorch": "eager", "tensorflow": "graph"}


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def machines() -> Iterator[list[tuple[str, str, str]]]:
    """Of each machine its namespace, its end of the cable, and its address."""
    own = os.getpid()
    network = f"10.{own % 200 + 20}.{own // 200 % 250}"
    found = [(f"machine{own}-{k}", f"w{own}-{k}", f"{network}.{k}") for k in (1, 2)]
    (first, end, _), (second, other_end, _) = found
    try:
        if not shutil.which("ip"):
            raise FileNotFoundError("there is no command ip")
        for namespace, *_ in found:
            ip("netns", "add", namespace)
        cable = ("type", "veth", "peer", "name", other_end, "netns", second)
        ip("link", "add", end, "netns", first, *cable)
        for namespace, each, address in found:
            ip("-n", namespace, "addr", "add", f"{address}/24", "dev", each)
            ip("-n", namespace, "link", "set", each, "up")
            ip("-n", namespace, "link", "set", "lo", "up")
        yield found
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"NOT TRIED: two machines can't be played here: {error}")
    finally:
        for namespace, *_ in found:
            if shutil.which("ip"):
                command = ["ip", "netns", "del", namespace]
                subprocess.run(command, check=False, capture_output=True)


@pytest.mark.parametrize("implementation", TWINS)
def test_two_machines_learn_what_one_learns(implementation, machines, monkeypatch):
    """With what launchers set there: nobody starts anybody, and the numbers go by the cable."""
    addresses = [f"{address}:29500" for *_, address in machines]

    def start_workers(command, workers, names):
        assert workers == len(machines)
        started = []
        for number, (namespace, interface, _) in enumerate(machines):
            task = {"type": "worker", "index": number}
            known = child_environment(GLOO_SOCKET_IFNAME=interface) | {
                RANK: str(number),
                SIZE: str(workers),
                HOST: machines[0][2],
                PORT: "29501",
                CLUSTER: json.dumps({"cluster": {"worker": addresses}, "task": task}),
            }
            started.append(
                subprocess.Popen(
                    ["ip", "netns", "exec", namespace, *command, str(workers), *names],
                    cwd=ROOT,
                    env=known,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                )
            )
        return started

    monkeypatch.setattr(proof, "start_workers", start_workers)
    name = f"{VARIANTS[implementation]}, batches of 25"
    (judged,) = proof.prove(implementation, 2, [name])
    assert judged.is_good, judged.describe()
    assert judged.verdict.steps["float64"] >= 200
