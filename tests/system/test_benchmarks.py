"""`make bench-system` writes what it measures, from one upload to the price of a million."""

import json
import os
import subprocess
import sys

from tests.conftest import ROOT


def measured(folder, *options):
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    settings = {"MODEL": "resnet18", "LONG_POLL_SECONDS": "1"}
    command = [sys.executable, "-m", "benchmarks.system", "--images=10", "--rounds=1", "--idle-seconds=1", *options]
    subprocess.run([*command, f"--output={folder}"], env=inherited | settings, cwd=ROOT, check=True)
    return json.loads((folder / "system.json").read_text())


def test_the_requests_are_counted_alone(tmp_path):
    document = measured(tmp_path, "--only=requests")
    assert [row["load"] for row in document["rows"]] == ["1 at a time", "8 at a time", "32 at a time", "burst"]
    for row in document["rows"]:
        assert row["s3_requests_per_image"] == 4
        assert "images_per_s" not in row
    assert document["runs"] == []


def test_the_system_is_measured_from_the_upload_to_the_price(tmp_path):
    document = measured(tmp_path)
    *loads, worker = document["rows"]
    assert {row["load"] for row in loads} == {"1 at a time", "8 at a time", "32 at a time", "burst"}
    for row in loads:
        assert row["model"] == "resnet18"
        assert {"p50_s", "p95_s", "p99_s", "images_per_s", "emulator_cpu_ms", "usd_per_million"} <= row.keys()
        assert row["own_cpu_ms"] > 0 and row["forward_cpu_ms"] > 0 and row["client_cpu_ms"] > 0
        assert row["s3_requests_per_image"] == 4  # the picture in and out; its record and its label in
        assert row["sqs_requests_by_operation"]["ReceiveMessage"] > 0
        assert ("p50_beyond_forward_s" in row) == (row["load"] != "burst")
    assert worker["worker_resident_mb"] > 0
    assert {"idle_worker_core_percent", "start_model_load_s", "start_to_first_result_s"} <= worker.keys()
    assert len(document["runs"]) == len(loads) + 2
