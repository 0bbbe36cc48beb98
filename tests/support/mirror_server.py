"""A loopback HTTP server that plays the mirrors of the datasets, good and bad ones.

The first part of the path chooses the behaviour: `server.url("truncated")` is a mirror that always
breaks off half-way. Requests are counted per path.
"""

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

PAGE = b"<!doctype html><title>Sign in</title><p>Please sign in to this network.</p>"


class MirrorServer:
    """Serve {filename: bytes} on an ephemeral port of 127.0.0.1 while used as a context manager."""

    def __init__(self, files: dict[str, bytes]):
        self.files = files
        self.requests: Counter[str] = Counter()
        self.half_sent = threading.Event()  # a slow mirror has sent half of a file
        self.stopping = threading.Event()
        handler = type("Handler", (_Handler,), {"mirror": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True

    def url(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{behaviour}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    mirror: MirrorServer

    def do_GET(self) -> None:
        self.mirror.requests[self.path] += 1
        behaviour, filename = self.path.strip("/").split("/")
        body = self.mirror.files[filename]
        try:
            if behaviour.isdigit():
                self.send_error(int(behaviour))
            else:
                getattr(self, f"play_{behaviour}")(body)
        except OSError:
            pass  # the client has gone, as some tests intend

    def log_message(self, *_) -> None:
        pass

    def start(self, status: int = 200, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def play_good(self, body: bytes) -> None:
        self.start(Content_Length=len(body))
        self.wfile.write(body)

    def play_without_length(self, body: bytes) -> None:
        self.start()
        self.wfile.write(body)

    def play_labelled_gzip(self, body: bytes) -> None:
        self.start(Content_Length=len(body), Content_Encoding="gzip")
        self.wfile.write(body)

    def play_truncated(self, body: bytes) -> None:
        self.start(Content_Length=len(body))
        self.wfile.write(body[: len(body) // 2])

    def play_truncated_without_length(self, body: bytes) -> None:
        self.start()
        self.wfile.write(body[: len(body) // 2])

    def play_wrong(self, body: bytes) -> None:
        self.start(Content_Length=len(body))
        self.wfile.write(bytes([body[0] ^ 1]) + body[1:])

    def play_page(self, body: bytes) -> None:
        self.start(Content_Type="text/html", Content_Length=len(PAGE))
        self.wfile.write(PAGE)

    def play_redirect(self, body: bytes) -> None:
        self.start(302, Location=self.path, Content_Length=0)

    def play_nonsense(self, body: bytes) -> None:
        self.wfile.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")

    def play_stall(self, body: bytes) -> None:
        self.start(Content_Length=len(body))
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        self.mirror.half_sent.set()
        self.mirror.stopping.wait(60)

    def play_silent(self, body: bytes) -> None:
        self.mirror.stopping.wait(60)

    def play_drip(self, body: bytes) -> None:
        self.start(Content_Length=len(body))
        for i in range(len(body)):
            self.wfile.write(body[i : i + 1])
            self.wfile.flush()
            if self.mirror.stopping.wait(0.05):
                return

    def play_endless(self, body: bytes) -> None:
        self.start()
        while not self.mirror.stopping.is_set():
            self.wfile.write(body)

    def play_slow(self, body: bytes) -> None:
        self.start(Content_Length=len(body))
        part = len(body) // 4 + 1
        for start in range(0, len(body), part):
            self.wfile.write(body[start : start + part])
            time.sleep(0.05)
