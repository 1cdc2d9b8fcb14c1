"""Processes killed between two steps: web between the S3 write and the send, consumer between commit and delete."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.system.conftest import StartSystem
from tests.system.harness import INPUT_BUCKET, REQUESTS, RESPONSES, wait_until
from tests.system.photos import ADDRESS, check_all_done_and_right, content, post, read, wait_until_finished


def test_what_a_killed_web_process_could_not_send_the_sweeper_sends(start_system: StartSystem):
    system = start_system(workers=1, proxy=True)
    with ThreadPoolExecutor(1) as thread, system.client() as client:
        system.fault("timeout", operation="SendMessage")
        cut = thread.submit(client.post, ADDRESS, files={"file": ("coffee.png", content("coffee.png"))})
        wait_until(lambda: len(system.keys(INPUT_BUCKET)) == 1, 20, "the picture is stored")
        wait_until(lambda: client.get(ADDRESS).json()["results"], 20, "its row is written")
        system.kill("web")
        with pytest.raises(Exception, match="disconnected"):
            cut.result()
        system.fault("none")
        system.start_web()
        system.wait_until_ready()
        (row,) = client.get(ADDRESS).json()["results"]
        assert (row["state"], system.depth(REQUESTS)) == ("queued", (0, 0))
        wait_until(
            lambda: "1 brought in" in system.python("manage.py", "resubmit_stale", STALE_AFTER_SECONDS="1"), 20, ""
        )
        check_all_done_and_right(system, client, [row["id"]])


def test_what_a_killed_consumer_could_not_delete_changes_nothing_when_it_comes_again(start_system: StartSystem):
    system = start_system(workers=1, proxy=True)
    system.set_queue(RESPONSES, VisibilityTimeout=3)
    system.fault("timeout", operation="DeleteMessageBatch")
    with system.client() as client:
        id = post(client, "coffee.png")
        wait_until_finished(client, [id])
        row = read(client, id)
        system.kill("results1")
        assert sum(system.depth(RESPONSES)) == 1
        system.fault("none")
        system.start_consumer("results2")
        check_all_done_and_right(system, client, [id])
        assert read(client, id) == row
