"""The database is unavailable for longer than all receives of a result take: none becomes a dead letter."""

import time

import pytest

from tests import postgresql
from tests.system.conftest import StartSystem
from tests.system.harness import DEAD_LETTERS, RESPONSES, wait_until
from tests.system.photos import ADDRESS, RIGHT, check_all_done_and_right, content, post

VISIBILITY, MAX_RECEIVES = 1, 3
AWAY_SECONDS = 4 * VISIBILITY * MAX_RECEIVES


@pytest.mark.skipif(postgresql.programs() is None, reason=postgresql.MISSING)
def test_results_wait_and_uploads_get_a_503(start_system: StartSystem):
    with postgresql.server() as database:
        system = start_system(database.url, workers=0, consumers=0)
        system.set_queue(RESPONSES, VisibilityTimeout=VISIBILITY, max_receives=MAX_RECEIVES)
        for name in ("results1", "results2"):
            system.start_consumer(name)
        system.wait_until_ready()
        with system.client() as client:
            ids = [post(client, name) for name in RIGHT]
            database.stop()
            until = time.monotonic() + AWAY_SECONDS
            system.start_worker("worker1")
            system.wait_until_ready()
            while time.monotonic() < until or sum(system.depth(RESPONSES)) < len(ids):
                answer = client.post(ADDRESS, files={"file": ("coffee.png", content("coffee.png"))})
                assert answer.status_code == 503
                assert int(answer.headers["Retry-After"]) > 0
                assert client.get(f"{ADDRESS}/{ids[0]}").status_code == 503
                time.sleep(0.5)
            assert [system.depth(queue) for queue in DEAD_LETTERS] == [(0, 0)] * 2
            database.start()
            wait_until(lambda: client.get(f"{ADDRESS}/{ids[0]}").status_code == 200, 30, "the site is back")
            orphans = set(system.keys("recognition-input")) - {f"{id}.png" for id in ids} - {f"{id}.jpg" for id in ids}
            for key in orphans:  # a picture that was stored before its row could be written; its uploader was told
                system.s3.delete_object(Bucket="recognition-input", Key=key)
            check_all_done_and_right(system, client, ids)
