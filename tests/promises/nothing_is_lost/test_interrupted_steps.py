"""Processes are killed between two steps: web before it sends a message, a consumer before it deletes one."""

from tests.system.conftest import StartSystem
from tests.system.harness import REQUESTS, RESPONSES, wait_until
from tests.system.photos import RIGHT, check_all_done_and_right, post, read, wait_until_finished


def test_the_sweeper_sends_messages_of_a_killed_web_process(start_system: StartSystem):
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


def test_a_stopping_web_process_sends_its_outbox(start_system: StartSystem):
    system = start_system(workers=1, proxy=True)
    with system.client() as client:
        system.fault("timeout", operation="SendMessageBatch")
        ids = [post(client, name) for name in RIGHT]
        system.fault("none")
        system.terminate("web", 20)
        system.start_web()
        system.wait_until_ready()
        check_all_done_and_right(system, client, ids)


def test_a_redelivered_result_of_a_killed_consumer_changes_nothing(start_system: StartSystem):
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
