"""The process that sends a load: reads it and its photographs, says that it is ready, and begins when told to."""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx

from benchmarks.load import READY, Answers, Load, LoadFailed

TIMEOUT_SECONDS = 300


async def send(load: Load, contents: Mapping[str, bytes]) -> Answers:
    """Send a load; the next request of each of its `concurrency` loops follows the answer to the last."""
    names = islice(cycle(contents), load.requests)
    latencies: list[float] = []
    documents: list[dict[str, Any]] = []
    failures: Counter[str] = Counter()

    async def loop(client: httpx.AsyncClient) -> None:
        for name in names:
            started = time.perf_counter()
            answer = await client.post(load.url, files={"file": (name, contents[name])})
            latencies.append(time.perf_counter() - started)
            if answer.status_code == load.expected_status:
                documents.append({"file": name, "answer": answer.json()})
            else:
                failures[f"{answer.status_code} {answer.text:.200}"] += 1

    limits = httpx.Limits(max_connections=load.concurrency)
    async with httpx.AsyncClient(headers=load.headers, timeout=TIMEOUT_SECONDS, limits=limits) as client:
        started = time.perf_counter()
        await asyncio.gather(*(loop(client) for _ in range(load.concurrency)))
        elapsed = time.perf_counter() - started
    if failures:
        raise LoadFailed(f"{failures.total()} of {load.requests} failed: {failures.most_common(3)}")
    return Answers(elapsed, latencies, documents)


def main() -> None:
    load = Load(**json.loads(sys.stdin.readline()))
    contents = {Path(path).name: Path(path).read_bytes() for path in load.photographs}
    print(READY, flush=True)
    sys.stdin.readline()
    try:
        print(json.dumps(asdict(asyncio.run(send(load, contents)))))
    except (LoadFailed, httpx.TransportError) as error:
        print(repr(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
