"""Stands in for a Python interpreter: has a command run where its framework is imported already.

`python -IS warm_python.py SOCKETS ARGUMENTS` hands the command `python ARGUMENTS` to a process of
`fork_server.py`, with its environment, working directory and open standard streams, and ends as the
command does. SOCKETS is a JSON object of paths by implementation; what belongs to none of them is
run by this interpreter itself.
"""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path


def main() -> None:
    """Find who runs the command, hand it over, and wait for its end."""
    sockets, arguments = json.loads(sys.argv[1]), sys.argv[2:]
    known = [name for name in sockets if f"{name}_impl" in arguments]
    if arguments[:1] != ["-m"] or not known:
        os.execv(sys.executable, [sys.executable, *arguments])
    request = {"arguments": arguments, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as connection:
        connect(connection, sockets[known[0]])
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: connection.sendall(bytes([number])))
        status = hand_over(connection, request, [0, 1, 2])
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def connect(
    connection: socket.socket, path: str, ended: Callable[[], int | None] = lambda: None
) -> None:
    """Connect, as soon as the other side has imported everything and listens.

    Raises:
        ChildProcessError: it ended before, as `ended` says.
    """
    while True:
        try:
            return connection.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            if (status := ended()) is not None:
                raise ChildProcessError(f"the process that forks ended with {status}") from None
            time.sleep(0.05)


def hand_over(connection: socket.socket, request: dict[str, object], streams: list[int]) -> int:
    """Have a command run with these streams as its standard ones; returns its exit status."""
    socket.send_fds(connection, [b"0"], streams)
    with connection.makefile("w", encoding="utf-8") as file:
        print(json.dumps(request), file=file)
    return int(connection.recv(16))


if __name__ == "__main__":
    main()
