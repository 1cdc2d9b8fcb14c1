"""A worker's start: it refuses settings under which a message it holds would be given to another worker."""

import pytest

from project import contract, env
from project.env import ConfigurationError
from workers.startup import FETCH_SECONDS, check_held, request_visibility_timeout


def test_holding_messages_for_less_than_half_the_visibility_timeout_is_allowed():
    check_held(batch_seconds=24.9, visibility_timeout=120)


@pytest.mark.parametrize("batch_seconds", [25, 60])
def test_holding_messages_for_half_the_visibility_timeout_is_refused(batch_seconds):
    with pytest.raises(ConfigurationError) as refusal:
        check_held(batch_seconds, visibility_timeout=120)
    sentence = str(refusal.value)
    assert sentence.startswith(f"MAX_BATCH_SIZE={env.worker().max_batch_size} makes this worker hold a message for ")
    assert "120 s" in sentence


def test_a_short_visibility_timeout_is_refused_however_fast_the_model():
    with pytest.raises(ConfigurationError, match="a longer visibility timeout"):
        check_held(batch_seconds=0, visibility_timeout=2 * FETCH_SECONDS)
    check_held(batch_seconds=0, visibility_timeout=2 * FETCH_SECONDS + 1)


def test_the_visibility_timeout_is_the_queues(aws):
    assert request_visibility_timeout() == contract.VISIBILITY_TIMEOUT
