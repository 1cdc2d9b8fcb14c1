"""The benchmarks: their arithmetic, and what they write. No test asserts a time."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks import load, results
from benchmarks.figures import latencies, spread
from benchmarks.system import cost
from benchmarks.usage import cpu_seconds
from infra.local import resources
from infra.local.environment import ROOT
from project import env
from project.aws.clients import sqs

BURN = "sum(range(10**7))"


def test_percentiles_are_of_the_latencies():
    assert latencies([number / 100 for number in range(1, 101)]) == {"p50_s": 0.505, "p95_s": 0.9505, "p99_s": 0.9901}


def test_a_median_comes_with_its_spread():
    assert spread("ratio", [1.2, 0.9, 1.0]) == {"ratio": 1.0, "ratio_min": 0.9, "ratio_max": 1.2}


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
    unreachable = load.Load("http://127.0.0.1:9/", [str(sample)], 1, 1, opened_before=opened_before)
    with pytest.raises(load.LoadFailed, match="ConnectError"), load.running(unreachable) as client:
        client.run()


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
