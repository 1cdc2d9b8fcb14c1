"""A worker's start: it refuses batches for which pictures would wait in vain."""

import pytest

from project import contract, env
from project.env import ConfigurationError
from workers.pipeline import RESULT_SECONDS
from workers.startup import check_batch, request_visibility_timeout


def test_two_batches_may_take_less_than_a_picture_waits():
    check_batch(RESULT_SECONDS / 2 - 0.1)


@pytest.mark.parametrize("seconds", [RESULT_SECONDS / 2, 60])
def test_two_batches_that_take_as_long_as_a_picture_waits_are_refused(seconds):
    with pytest.raises(ConfigurationError, match=f"MAX_BATCH_SIZE={env.worker().max_batch_size}: a full batch takes"):
        check_batch(seconds)


def test_the_visibility_timeout_is_the_queues(aws):
    assert request_visibility_timeout() == contract.VISIBILITY_TIMEOUT
