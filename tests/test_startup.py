"""A worker's start."""

from project import contract
from workers.startup import request_visibility_timeout


def test_the_visibility_timeout_is_the_queues(aws):
    assert request_visibility_timeout() == contract.VISIBILITY_TIMEOUT
