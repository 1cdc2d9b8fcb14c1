"""The benchmarks: their arithmetic, and what they write. No test asserts a time."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import load, results
from benchmarks.figures import latencies, spread
from benchmarks.system import cost
from benchmarks.usage import cpu_seconds
from infra.local import resources
from infra.local.environment import ROOT
from project import env
from project.aws.clients import sqs

NOWHERE = "http://127.0.0.1:9/"
BURN = "sum(range(10**7))"


def test_percentiles_are_of_the_latencies():
    assert latencies([number / 100 for number in range(1, 101)]) == {"p50_s": 0.505, "p95_s": 0.9505, "p99_s": 0.9901}


def test_a_median_comes_with_its_spread():
    assert spread("ratio", [1.2, 0.9, 1.0]) == {"ratio": 1.0, "ratio_min": 0.9, "ratio_max": 1.2}


def test_a_table_shows_the_spread_behind_the_median(capsys):
    results.print_tables("tiny", [{"model": "resnet18", **spread("p50_s", [0.1, 0.2, 0.4]), **spread("s", [1.0, 1.0])}])
    printed = capsys.readouterr().out
    assert "0.2 (0.1 to 0.4)" in printed
    assert "_min" not in printed and "1 (" not in printed


def test_the_cpu_time_of_children_counts_while_they_live_and_after_they_have_ended():
    before = cpu_seconds([os.getpid()])
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}])"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert cpu_seconds([os.getpid()]) > before


def test_a_report_contains_machine_and_command(tmp_path, monkeypatch):
    monkeypatch.setenv("PHOTOS", str(ROOT / "samples"))
    monkeypatch.setenv("MODEL", "resnet18")
    rows = [{"model": "resnet18", "forward_cpu_ms": 12.3456}]
    path = results.report("tiny", rows, [], versions=results.versions_of(["numpy"]), folder=tmp_path)
    document = json.loads(path.read_text())
    assert document["rows"] == rows
    assert document["versions"].keys() == {"python", "numpy"}
    assert document["machine"]["cores"] == os.cpu_count()
    assert document["command"].startswith("MODEL=resnet18 ") and " PHOTOS=DIR python " in document["command"]
    assert str(ROOT) not in path.read_text()


@pytest.mark.parametrize("opened_before", [False, True])
def test_a_client_without_a_connection_fails_the_benchmark(sample, opened_before):
    unreachable = load.Load(NOWHERE, [str(sample)], 1, 1, opened_before=opened_before)
    with pytest.raises(load.LoadFailed, match="ConnectError"), load.running(unreachable) as client:
        client.run()


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = json.dumps({"type": self.headers["Content-Type"], "body": base64.b64encode(body).decode()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@pytest.fixture
def echo() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def field_of(body: bytes, content_type: str) -> bytes:
    form = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    [part] = form.get_payload()
    assert part.get_param("name", header="Content-Disposition") == "file"
    return part.get_payload(decode=True)


READ = {
    load.FIELD: field_of,
    load.BODY: lambda body, _: body,
    load.BASE64: lambda body, _: base64.b64decode(json.loads(body)["image_data"]),
}


@pytest.mark.parametrize("sent_as", READ)
def test_a_picture_arrives_as_the_server_takes_it(sample, echo, sent_as):
    with load.running(load.Load(echo, [str(sample)], requests=2, concurrency=1, sent_as=sent_as)) as client:
        answers = client.run()
    assert len(answers.documents) == 2
    for document in answers.documents:
        answer = document["answer"]
        assert READ[sent_as](base64.b64decode(answer["body"]), answer["type"]) == sample.read_bytes()
    assert 0 < answers.client_cpu_s < 60


CORES_OF_SERVER_AND_CLIENT = """
import os, subprocess
from benchmarks import cores
cores.split()
server, client = (subprocess.Popen(["sleep", "60"]) for _ in range(2))
cores.move_apart(client.pid)
for process in (server, client):
    print(*os.sched_getaffinity(process.pid))
    process.kill()
"""


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) == 1,
    reason="cores can be split on Linux, where there are two",
)
def test_the_client_gets_other_cores_than_the_servers():
    ran = subprocess.run([sys.executable, "-c", CORES_OF_SERVER_AND_CLIENT], capture_output=True, text=True, check=True)
    server, client = (set(line.split()) for line in ran.stdout.splitlines())
    assert server and client and not server & client


def test_a_million_pictures_have_the_price_that_aws_charges():
    assert cost.sqs_usd({"SendMessage": 1, "ReceiveMessage": 0.5}) == pytest.approx(0.60e-6)
    assert cost.s3_usd({"PUT": 3, "GET": 1}) == pytest.approx(15.4e-6)
    # Both cores of an instance for half an hour are what it costs for that half hour.
    assert cost.instance_usd(3600) == pytest.approx(cost.INSTANCE_HOUR_USD / 2)


def test_requests_are_counted_by_queue_and_as_they_are_billed(proxied):
    url = env.aws().request_queue_url
    sqs().send_message(QueueUrl=url, MessageBody="x" * 150_000)
    assert proxied.passed == {"SendMessage": 1}
    assert proxied.by_queue == {("SendMessage", resources.REQUESTS.name): 1}
    assert proxied.billed == {"SendMessage": 3}  # of 64 KB each
