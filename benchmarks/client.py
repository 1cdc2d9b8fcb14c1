"""The client process: reads a load and its photographs, reports that it is ready, and starts when told to."""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import cycle, islice
from pathlib import Path

import httpx

from benchmarks.load import READY, Answers, Load, LoadFailed, request

TIMEOUT_SECONDS = 300
BETWEEN_CONNECTIONS_SECONDS = 0.03


class Sender:
    """Sends a load through one HTTP client and collects the responses."""

    def __init__(self, load: Load, client: httpx.AsyncClient) -> None:
        self._load = load
        self._client = client
        files = [Path(path) for path in load.photographs]
        self._requests = {file.name: request(file.name, file.read_bytes(), load.sent_as) for file in files}
        self._answers = Answers(0, 0, [], [])
        self._failures: Counter[str] = Counter()

    async def open_connections(self) -> None:
        async def late(number: int, name: str) -> None:
            await asyncio.sleep(number * BETWEEN_CONNECTIONS_SECONDS)
            await self._post(name)

        names = islice(cycle(self._requests), self._load.concurrency)
        await asyncio.gather(*(late(number, name) for number, name in enumerate(names)))

    async def send(self) -> Answers:
        """Send the load in `concurrency` loops, each of which sends its next request after the response to the last."""
        names = islice(cycle(self._requests), self._load.requests)
        started, cpu_started = time.perf_counter(), time.process_time()
        await asyncio.gather(*(self._loop(names) for _ in range(self._load.concurrency)))
        elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu_started
        if self._failures:
            what = self._failures.most_common(3)
            raise LoadFailed(f"{self._failures.total()} of {self._load.requests} failed: {what}")
        return replace(self._answers, elapsed_s=elapsed, client_cpu_s=cpu)

    async def _loop(self, names: Iterator[str]) -> None:
        for name in names:
            started = time.perf_counter()
            answer = await self._post(name)
            self._answers.latencies_s.append(time.perf_counter() - started)
            if answer.status_code == self._load.expected_status:
                self._answers.documents.append({"file": name, "answer": answer.json()})
            else:
                self._failures[f"{answer.status_code} {answer.text:.200}"] += 1

    async def _post(self, name: str) -> httpx.Response:
        return await self._client.post(self._load.url, **self._requests[name])


async def answers(load: Load) -> Answers:
    """Open connections if the load asks for it, report that all is ready, and send the load when told to."""
    limits = httpx.Limits(max_connections=load.concurrency)
    async with httpx.AsyncClient(headers=load.headers, timeout=TIMEOUT_SECONDS, limits=limits) as client:
        sender = Sender(load, client)
        if load.opened_before:
            await sender.open_connections()
        print(READY, flush=True)
        sys.stdin.readline()
        return await sender.send()


def main() -> None:
    load = Load(**json.loads(sys.stdin.readline()))
    try:
        print(json.dumps(asdict(asyncio.run(answers(load)))))
    except (LoadFailed, httpx.TransportError) as error:
        print(repr(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
