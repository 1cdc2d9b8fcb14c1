"""An instance metadata service, IMDSv2 alone, on 127.0.0.1."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

INSTANCE = "i-0123456789abcdef0"
STATE = "autoscaling/target-lifecycle-state"
SPOT = "spot/instance-action"


class Metadata(ThreadingHTTPServer):
    """`items` are what it answers, by path; while `unavailable` it responds with 503.

    A token serves one question, then it has expired.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.items = {"instance-id": INSTANCE, STATE: "InService"}
        self.unavailable = False
        self.questions = 0
        self.tokens: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Metadata

    def do_PUT(self) -> None:
        token = f"token{self.server.questions}"
        self.server.tokens.add(token)
        asked = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
        self._answer(200 if asked else 400, token)

    def do_GET(self) -> None:
        self.server.questions += 1
        token = self.headers["X-aws-ec2-metadata-token"]
        if token not in self.server.tokens:
            self._answer(401, "")
            return
        self.server.tokens.remove(token)
        item = self.server.items.get(self.path.removeprefix("/latest/meta-data/"))
        self._answer(200 if item else 404, item or "")

    def _answer(self, status: int, text: str) -> None:
        self.send_response(503 if self.server.unavailable else status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def metadata() -> Iterator[Metadata]:
    server = Metadata()
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
