"""Processes killed between two steps: web between the S3 write and the send, consumer between commit and delete."""

from tests.system.conftest import StartSystem
from tests.system.harness import REQUESTS, RESPONSES, wait_until
from tests.system.photos import RIGHT, check_all_done_and_right, post, read, wait_until_finished


def test_what_a_killed_web_process_could_not_send_the_sweeper_sends(start_system: StartSystem):
    system = start_system(workers=1, proxy=True)
    with system.client() as client:
        system.fault("timeout", operation="SendMessageBatch")
        id = post(client, "coffee.png")
        system.kill("web")
        system.fault("none")
        system.start_web()
        system.wait_until_ready()
        assert (read(client, id)["state"], system.depth(REQUESTS)) == ("queued", (0, 0))
        wait_until(
            lambda: "1 recovered" in system.python("manage.py", "resubmit_stale", STALE_AFTER_SECONDS="1"), 20, ""
        )
        check_all_done_and_right(system, client, [id])


def test_what_waits_in_the_outbox_is_sent_before_a_web_process_ends(start_system: StartSystem):
    system = start_system(workers=1, proxy=True)
    with system.client() as client:
        system.fault("timeout", operation="SendMessageBatch")
        ids = [post(client, name) for name in RIGHT]
        system.fault("none")
        system.terminate("web", 20)
        system.start_web()
        system.wait_until_ready()
        check_all_done_and_right(system, client, ids)


def test_what_a_killed_consumer_could_not_delete_changes_nothing_when_it_comes_again(start_system: StartSystem):
    system = start_system(workers=1, consumers=0, proxy=True)
    system.set_queue(RESPONSES, VisibilityTimeout=3)
    system.start_consumer("results1")
    system.wait_until_ready()
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
