"""A Ray cluster on 127.0.0.1, in a process of its own.

The head has no processor, each other node one. `python ray_nodes.py 2` prints
the address; a line on stdin removes a node; the end of stdin ends all.
"""

import contextlib
import os
import pathlib
import select
import subprocess
import sys

import psutil

import helpers

_PATIENCE = 120  # Seconds that an answer may take.
# Seconds until a dead node is noticed; the default may take 50.
_HEALTH = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}


class Nodes:
    """The process, seen from a test.

    Attributes:
        address: Address of the head.
    """

    def __init__(self, count):
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(count)],
            env=helpers.environment(pathlib.Path(__file__).parent),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            self.address = self._answer().strip()
            assert self.address, "Ray does not start"
        except BaseException:
            self.close()
            raise

    def workers(self):
        """Processes of workers."""
        return workers(self._process.pid)

    def remove(self):
        """Removes a node, as if its machine were lost."""
        self._process.stdin.write("remove\n")
        self._process.stdin.flush()
        assert self._answer() == "removed\n"

    def close(self):
        """Ends all nodes, if need be by force."""
        started = processes(self._process.pid)
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        kill(started)
        self._process.wait(_PATIENCE)

    def _answer(self):
        ready, _, _ = select.select([self._process.stdout], [], [], _PATIENCE)
        assert ready, "the nodes do not answer"
        return self._process.stdout.readline()


def processes(pid):
    """A process, if it lives, and all that it started."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def workers(pid):
    """Processes of workers below a process."""
    found = []
    for process in processes(pid):
        with contextlib.suppress(psutil.Error):
            # The method that it runs follows, or does not; of one that has
            # just ended there is nothing.
            if " ".join(process.cmdline()).startswith("ray::Worker"):
                found.append(process)
    return found


def kill(started):
    """Kills processes of which some may have ended."""
    for process in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def main():
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    from ray.cluster_utils import Cluster

    common = {"node_ip_address": "127.0.0.1", "object_store_memory": 80 * 2**20}
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            **common,
            "num_cpus": 0,
            "include_dashboard": False,
            "_system_config": _HEALTH,
        },
    )
    nodes = [
        cluster.add_node(num_cpus=1, **common) for _ in range(int(sys.argv[1]))
    ]
    print(cluster.address, flush=True)
    for _ in sys.stdin:
        cluster.remove_node(nodes.pop(), allow_graceful=False)
        print("removed", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
