"""The disk is full: large uploads get a 503, and small ones still succeed."""

import resource

import httpx
import pytest

from tests.system.conftest import StartSystem
from tests.system.photos import ADDRESS, check_all_done_and_right, content, post

LIMIT_BYTES = 1_000_000
SPOOLED_BYTES = 4_000_000  # The site keeps up to 500 kB of an upload in memory.


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert "no space" in answer.text


@pytest.mark.parametrize("address", [ADDRESS, "/postApi/image"])
def test_an_upload_without_disk_space_gets_a_503(start_system: StartSystem, address: str):
    system = start_system(workers=1)
    # The kernel then refuses the site any larger file, as a full disk does.
    resource.prlimit(system.processes["web"].pid, resource.RLIMIT_FSIZE, (LIMIT_BYTES, resource.RLIM_INFINITY))
    file = ("coffee.png", content("coffee.png") + bytes(SPOOLED_BYTES))
    field = "file" if address == ADDRESS else "myfile"
    with system.client() as client:
        assert_unavailable(client.post(address, files={field: file}))
        check_all_done_and_right(system, client, [post(client, "coffee.png")])
    assert "no disk space left" in system.log("web")
    assert "Traceback" not in system.log("web")
