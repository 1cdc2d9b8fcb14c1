"""The command: disturb a system for some minutes while pictures come, let it recover, and count."""

import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console

from infra.local import interrupts, samples
from infra.local.chaos import disturbances
from infra.local.chaos.pictures import Outcome, Sent, all_rows, outcome, send
from infra.local.chaos.system import System, running
from infra.local.ports import free_ports
from project.env import Local

CLIENTS = 8
PAUSE_SECONDS = (0.5, 4.0)
LOOK_SECONDS = 1.0

console = Console(highlight=False)


def main(
    images: Annotated[int, typer.Option(min=1, help="Pictures to send.")] = 200,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long it is disturbed.")] = 2,
    seed: Annotated[int | None, typer.Option(help="Repeats the choices of an earlier run.")] = None,
    recovery_seconds: Annotated[
        float, typer.Option(min=1, help="How long after the disturbances a picture may be queued before it is lost.")
    ] = 600,
    keep_logs: Annotated[bool, typer.Option(help="Keep the processes' logs, and say where they are.")] = False,
) -> None:
    """Run the embedded system with kills, duplicates, expiry and throttling at random, and count what became of IMAGES.

    Exit code 1 if any picture is lost, any result wrong, or any failure unjust.
    """
    interrupts.accept()
    seed = secrets.randbelow(10**9) if seed is None else seed
    console.print(f"seed {seed}: {images} pictures in {minutes:g} min")
    web, flower, aws = free_ports(3)
    folder = Path(tempfile.mkdtemp(prefix="recognition-chaos-"))
    try:
        with running(folder, Local(web_port=web, flower_port=flower, aws_port=aws)) as system:
            found = _run(system, images, minutes * 60, recovery_seconds, seed)
    finally:
        if keep_logs:
            console.print(f"logs in {folder}")
        else:
            shutil.rmtree(folder)
    counts = f"IN={found.accepted} DONE={found.done} FAILED={found.failed}"
    console.print(f"{counts} LOST={found.lost} WRONG={found.wrong} UNJUST={found.unjust}")
    if found.lost or found.wrong or found.unjust:
        raise typer.Exit(1)


def _run(system: System, images: int, seconds: float, recovery_seconds: float, seed: int) -> Outcome:
    console.print("undisturbed, the samples are:")
    labels = {one.file: str(one.result["label"]) for one in samples.classify(system.site, system.token)}
    console.print("  " + ", ".join(f"{file} {label}" for file, label in sorted(labels.items())))
    before = len(labels)
    started, sent, over = time.monotonic(), Sent(), threading.Event()
    say = _clock(started)
    disturber = threading.Thread(target=_disturb, args=(system, Random(seed), over, say))
    with ThreadPoolExecutor(CLIENTS) as clients:
        disturber.start()
        uploads = []
        try:
            for number in range(images):
                uploads.append(clients.submit(send, system, Random(f"{seed} {number}"), sent))
                time.sleep(max(0, started + seconds * (number + 1) / images - time.monotonic()))
        finally:
            over.set()
            disturber.join()
        say("disturbances are over")
        for upload in uploads:
            upload.result()
    rows = _recovered(system, before, sent, recovery_seconds, say)
    console.print(
        f"{system.restarts} processes were started again, {sent.refusals} uploads were told to try again later"
    )
    found = outcome(system, rows, sent, labels)
    if found.causes:
        console.print("failed: " + ", ".join(f"{count} {cause}" for cause, count in found.causes.items()))
    return found


def _clock(started: float) -> Callable[[str], None]:
    return lambda text: console.print(f"{time.monotonic() - started:6.1f} s  {text}")


def _disturb(system: System, random: Random, over: threading.Event, say: Callable[[str], None]) -> None:
    while not over.wait(random.uniform(*PAUSE_SECONDS)):
        say(random.choice(disturbances.ALL)(system, random))


def _recovered(
    system: System, before: int, sent: Sent, seconds: float, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Wait until no picture is queued, or for some seconds; return all rows but the first `before`."""
    deadline, shown = time.monotonic() + seconds, -1
    rows: list[dict[str, Any]] = []
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            rows = all_rows(system)[:-before]  # newest first
            queued = sum(row["state"] == "queued" for row in rows)
            if not queued and len(rows) >= len(sent.ids):
                break
            if queued != shown:
                say(f"{queued} of {len(rows)} pictures are still queued")
                shown = queued
        time.sleep(LOOK_SECONDS)
    return rows


if __name__ == "__main__":
    typer.run(main)
