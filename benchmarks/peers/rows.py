"""Summary of the rounds: medians and spreads of each server, and its ratios to the whole system in the same round."""

from collections.abc import Iterator, Sequence
from statistics import mean
from typing import Any

from benchmarks.figures import spread, spreads
from benchmarks.forward import Forward
from benchmarks.peers.servers import EXAMPLE, OURS, kind
from benchmarks.peers.turns import Round, Turn
from benchmarks.results import Row


def rows(rounds: Sequence[Round]) -> Iterator[Row]:
    """Yield a row for each concurrency and server. With `ours_over_this` above 1 the whole system is faster."""
    keys = dict.fromkeys((turn.concurrency, turn.server) for turn in rounds[0].turns)
    for concurrency, server in sorted(keys, key=lambda key: key[0]):
        turns = [_turn(one, server, concurrency) for one in rounds]
        ours = [_turn(one, OURS, concurrency) for one in rounds]
        forwards = [one.forward for one in rounds]
        yield {
            **forwards[0].about,
            "concurrency": concurrency,
            "server": server,
            "as": kind(server),
            **spread("images_per_s", [turn.images_per_s for turn in turns]),
            **spread("images_per_cpu_s", [turn.images_per_cpu_s for turn in turns]),
            **spread("ours_over_this_images_per_s", _ratios(ours, turns, "images_per_s")),
            **spread("ours_over_this_images_per_cpu_s", _ratios(ours, turns, "images_per_cpu_s")),
            **spreads([turn.latencies for turn in turns]),
            **spread("forward_s", [one.seconds for one in forwards]),
            **spread("forward_cpu_ms", [one.cpu_ms for one in forwards]),
            **spread("own_cpu_ms", [turn.own_cpu_ms for turn in turns]),
            **(_beside_the_forward_pass(forwards, turns) if kind(server) != EXAMPLE else {}),
            **spread("own_cores", [turn.own_cores for turn in turns]),
            **spread("emulator_cpu_ms", [turn.emulator_cpu_ms for turn in turns]),
            **spread("client_cpu_ms", [turn.client_cpu_ms for turn in turns]),
            "same_labels_share": round(mean(_same_labels(*pair) for pair in zip(ours, turns, strict=True)), 3),
        }


def single_runs(rounds: Sequence[Round]) -> Iterator[Row]:
    for number, one in enumerate(rounds, 1):
        yield {
            **one.forward.about,
            "round": number,
            "forward_cpu_ms": one.forward.cpu_ms,
            "forward_s": one.forward.seconds,
        }
        for turn in one.turns:
            yield {
                **one.forward.about,
                "round": number,
                "server": turn.server,
                "concurrency": turn.concurrency,
                "images_per_s": round(turn.images_per_s, 3),
                "images_per_cpu_s": round(turn.images_per_cpu_s, 3),
                **turn.latencies,
                "own_cpu_ms": round(turn.own_cpu_ms, 2),
                "emulator_cpu_ms": round(turn.emulator_cpu_ms, 2),
                "client_cpu_ms": round(turn.client_cpu_ms, 2),
            }


def _turn(one: Round, server: str, concurrency: int) -> Turn:
    return next(turn for turn in one.turns if (turn.server, turn.concurrency) == (server, concurrency))


def _ratios(ours: list[Turn], theirs: list[Turn], figure: str) -> list[float]:
    """Return the ratio in each round."""
    return [getattr(mine, figure) / getattr(other, figure) for mine, other in zip(ours, theirs, strict=True)]


def _beside_the_forward_pass(forwards: list[Forward], turns: list[Turn]) -> Row:
    """Compare with the bare forward pass, which an example does not share: it runs eager PyTorch."""
    pairs = list(zip(forwards, turns, strict=True))
    return {
        **spread("p50_beyond_forward_s", [turn.latencies["p50_s"] - forward.seconds for forward, turn in pairs]),
        **spread("forward_share_of_own_cpu", [forward.cpu_ms / turn.own_cpu_ms for forward, turn in pairs]),
    }


def _same_labels(ours: Turn, theirs: Turn) -> float:
    common: Any = ours.labels.keys() & theirs.labels.keys()
    return mean(ours.labels[file] == theirs.labels[file] for file in common)
