"""A proxy in front of the emulator that injects faults of AWS: `python -m infra.local.faults --port P --upstream URL`.

`PUT /_faults` with `{"kind": "slow_down", "service": "s3", "share": 1.0}` begins a fault, `{"kind": "none"}` ends it.
"""

import argparse
import http.client
import json
import math
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

CONTROL_PATH = "/_faults"
UPSTREAM_SECONDS = 40  # more than a long poll
SWALLOWED_SECONDS = 120
BILLED_BYTES = 64 * 1024  # Each 64 KB of messages that SQS takes or gives count as a request.
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade")

NONE, TIMEOUT, RESET, PARTIAL = "none", "timeout", "reset", "partial"
"""PARTIAL: of a batch that SQS is given, the first entry fails; other requests pass."""

REFUSALS = {
    "error": (500, "InternalError", "We encountered an internal error. Please try again."),
    "slow_down": (503, "SlowDown", "Please reduce your request rate."),
    "throttled": (400, "ThrottlingException", "Rate exceeded"),
    "denied": (403, "AccessDenied", "Access Denied"),
    "expired": (403, "ExpiredToken", "The provided token has expired."),
    "skewed": (
        403,
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
    ),
}
"""Status, code and message of the answers that AWS gives instead of doing what was asked."""


@dataclass(frozen=True)
class Fault:
    """A fault of all requests, or of a service's (`s3`, `sqs`), or of an operation's, or of a share of these.

    An operation is SQS's name for it (`DeleteMessageBatch`) or S3's HTTP method.
    """

    kind: str = NONE
    service: str = ""
    operation: str = ""
    share: float = 1.0

    def strikes(self, service: str, operation: str) -> bool:
        if self.kind == NONE or self.service not in ("", service) or self.operation not in ("", operation):
            return False
        if self.kind == PARTIAL and not operation.endswith("Batch"):
            return False
        return random.random() < self.share  # noqa: S311 -- no secret


class Proxy(ThreadingHTTPServer):
    """Passes requests on to `upstream`, except those that its fault strikes; counts both by the operation's name.

    Requests to SQS that pass are also counted by operation and queue, and as AWS bills them.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, upstream: str, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.upstream = urlsplit(upstream).netloc
        self.fault = Fault()
        self.passed: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()
        self.by_queue: Counter[tuple[str, str]] = Counter()
        self.billed: Counter[str] = Counter()
        self._counting = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def count_struck(self, operation: str) -> None:
        with self._counting:
            self.struck[operation] += 1

    def count_passed(self, service: str, operation: str, body: bytes) -> None:
        with self._counting:
            self.passed[operation] += 1
            if service == "sqs":
                self.by_queue[operation, json.loads(body).get("QueueUrl", "").rpartition("/")[2]] += 1

    def count_billed(self, service: str, operation: str, size: int) -> None:
        with self._counting:
            if service == "sqs":
                self.billed[operation] += math.ceil(size / BILLED_BYTES)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: Proxy

    def setup(self) -> None:
        super().setup()
        # One for each connection to the proxy, and kept as long.
        self._upstream = http.client.HTTPConnection(self.server.upstream, timeout=UPSTREAM_SECONDS)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def handle_expect_100(self) -> bool:
        told = super().handle_expect_100()
        self.wfile.flush()  # boto3 waits a second for it with each object that it puts
        return told

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == CONTROL_PATH:
            self.server.fault = Fault(**json.loads(body))
            self._answer(200, json.dumps(asdict(self.server.fault)).encode(), {})
            return
        service, operation = self._operation()
        if self.server.fault.strikes(service, operation):
            self.server.count_struck(operation)
            self._strike(self.server.fault.kind, service, body)
        else:
            self.server.count_passed(service, operation, body)
            self._pass_on(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 -- the names that http.server looks for

    def _operation(self) -> tuple[str, str]:
        target = self.headers.get("X-Amz-Target", "")
        if target.startswith("AmazonSQS."):
            return "sqs", target.removeprefix("AmazonSQS.")
        return "s3", self.command

    def _pass_on(self, body: bytes, failed: Sequence[dict[str, Any]] = ()) -> None:
        """Answer as the upstream does, but say that these entries of the batch failed, too."""
        try:
            try:
                answer = self._upstream_answer(body)
            except ConnectionError:  # Closed since its last use, perhaps.
                self._upstream.close()
                answer = self._upstream_answer(body)
            content = answer.read()
            self.server.count_billed(*self._operation(), max(len(body), len(content)))
            if failed:
                content = json.dumps({**json.loads(content), "Failed": failed}).encode()
            self._answer(answer.status, content, dict(answer.getheaders()))
        except (OSError, http.client.HTTPException):
            self._reset()

    def _upstream_answer(self, body: bytes) -> http.client.HTTPResponse:
        headers = {name: value for name, value in self.headers.items() if name.lower() != "content-length"}
        self._upstream.request(self.command, self.path, body, headers)
        return self._upstream.getresponse()

    def _fail_first(self, body: bytes) -> None:
        """Let the first entry of a batch fail and pass the others on; a batch of one goes no further."""
        document = json.loads(body)
        first, *others = document["Entries"]
        failed = [{"Id": first["Id"], "Code": "InternalError", "Message": "Please try again.", "SenderFault": False}]
        if others:
            self._pass_on(json.dumps({**document, "Entries": others}).encode(), failed)
        else:
            answer = json.dumps({"Successful": [], "Failed": failed}).encode()
            self._answer(200, answer, {"Content-Type": "application/x-amz-json-1.0"})

    def _strike(self, kind: str, service: str, body: bytes) -> None:
        if kind == PARTIAL:
            self._fail_first(body)
        elif kind == TIMEOUT:
            time.sleep(SWALLOWED_SECONDS)
            self.close_connection = True
        elif kind == RESET:
            self._reset()
        else:
            status, code, message = REFUSALS[kind]
            if service == "sqs":
                answer = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": message})
                self._answer(status, answer.encode(), {"Content-Type": "application/x-amz-json-1.0"})
            else:
                answer = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
                self._answer(status, answer.encode(), {"Content-Type": "application/xml"})

    def _reset(self) -> None:
        """End the connection by RST, as a load balancer does that loses its server."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status, HTTPStatus(status).phrase)
        for name, value in headers.items():
            if name.lower() not in (*HOP_BY_HOP, "content-length"):
                self.send_header(name, value)
        # The answer to a HEAD says how long the body would be.
        length = headers.get("Content-Length") or headers.get("content-length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--port", type=int, required=True, help="where it listens, on 127.0.0.1")
    parser.add_argument("--upstream", required=True, help="the emulator's URL")
    options = parser.parse_args()
    Proxy(options.upstream, options.port).serve_forever()


if __name__ == "__main__":
    main()
