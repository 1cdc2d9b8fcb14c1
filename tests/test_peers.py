"""How the benchmark of peers compares: within a round, and with its spread. No peer is installed for it."""

import pytest

from benchmarks.forward import Forward
from benchmarks.peers.rows import rows, single_runs
from benchmarks.peers.servers import EXAMPLE, OURS, PEERS, REQUIREMENTS, SAME_ENGINE, WHOLE_SYSTEM, kind
from benchmarks.peers.turns import Round, Turn, labels
from infra.local.environment import ROOT

FORWARD = Forward("resnet18", "random", "torch", "fp32", cpu_ms=20, seconds=0.03)
PACKAGES = ("litserve", "ray", "bentoml")
LABELS = {"cat.png": ["tabby", "tiger cat"], "cup.png": ["espresso", "cup"]}


def turn(server, images_per_s, own_cpu_ms, found=LABELS):
    return Turn(server, 8, images_per_s, {"p50_s": 0.05, "p95_s": 0.1, "p99_s": 0.2}, own_cpu_ms, 1, 2, found)


def test_a_peer_is_compared_with_the_whole_system_within_each_round():
    first = Round(FORWARD, [turn(OURS, 30, 25), turn("litserve", 20, 50)])
    # A slow second round is as slow for both, and leaves the ratios as they were.
    second = Round(FORWARD, [turn(OURS, 15, 50), turn("litserve", 10, 100)])
    ours, theirs = rows([first, second])
    assert (ours["server"], theirs["server"]) == (OURS, "litserve")
    assert ours["ours_over_this_images_per_s"] == ours["ours_over_this_images_per_cpu_s"] == 1
    assert (theirs["images_per_s"], theirs["images_per_s_min"], theirs["images_per_s_max"]) == (15, 10, 20)
    assert theirs["images_per_cpu_s_max"] == 20
    assert theirs["ours_over_this_images_per_s_min"] == theirs["ours_over_this_images_per_s_max"] == 1.5
    assert theirs["ours_over_this_images_per_cpu_s"] == 2
    assert theirs["p50_beyond_forward_s"] == 0.02
    assert ours["own_cores"] == pytest.approx(0.75)  # 30 a second of 25 ms each
    assert (ours["forward_share_of_own_cpu_min"], ours["forward_share_of_own_cpu_max"]) == (0.4, 0.8)


def test_labels_that_differ_from_ours_are_detected():
    other = turn("ray", 10, 50, {**LABELS, "cup.png": ["cup", "espresso"]})
    _, theirs = rows([Round(FORWARD, [turn(OURS, 10, 50), other])])
    assert theirs["same_labels_share"] == 0.5


def test_each_turn_is_kept_with_its_round():
    one = Round(FORWARD, [turn(OURS, 10, 50), turn("ray", 10, 50)])
    kept = list(single_runs([one, one]))
    assert [run.get("server") for run in kept] == [None, OURS, "ray"] * 2
    assert [run["round"] for run in kept] == [1] * 3 + [2] * 3


def test_the_labels_of_an_answer_are_read_alone_and_out_of_a_batch():
    answer = {"top5": [{"label": "tabby", "confidence": 0.9}, {"label": "tiger cat", "confidence": 0.1}]}
    assert labels(answer) == labels([answer]) == ["tabby", "tiger cat"]


def test_each_peer_is_measured_with_the_same_engine_and_as_its_documentation_has_it():
    kinds = {package: {kind(name) for name, peer in PEERS.items() if peer.package == package} for package in PACKAGES}
    assert kinds == {package: {SAME_ENGINE, EXAMPLE} for package in PACKAGES}
    assert kind(OURS) == WHOLE_SYSTEM


def test_each_peer_has_pinned_requirements_with_those_of_the_worker():
    for package in PACKAGES:
        lines = (ROOT / REQUIREMENTS / f"{package}.in").read_text().splitlines()
        assert "-r ../../../requirements/worker.in" in lines
        assert any(line.startswith(package) and "==" in line for line in lines)
