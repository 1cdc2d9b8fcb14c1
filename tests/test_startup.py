"""A worker's start: what would lose or repeat work is refused with a sentence."""

import pytest

from project import env
from project.env import ConfigurationError
from workers.startup import check_held, request_visibility_timeout


@pytest.mark.parametrize("batch_seconds", [24.9, 0.1])
def test_messages_held_for_less_than_half_the_visibility_timeout_are_fine(batch_seconds):
    check_held(batch_seconds, visibility_timeout=120)


def test_messages_held_for_half_the_visibility_timeout_are_too_many():
    with pytest.raises(ConfigurationError, match="MAX_BATCH_SIZE"):
        check_held(25.0, visibility_timeout=120)


def test_the_request_queues_timeout_is_read(aws):
    assert request_visibility_timeout() == 120


def test_a_queue_that_is_not_there_is_named(aws, monkeypatch):
    monkeypatch.setenv("REQUEST_QUEUE_URL", env.aws().request_queue_url + "-not-there")
    monkeypatch.setattr(env, "aws", lambda: env.read(env.Aws))
    with pytest.raises(ConfigurationError, match="REQUEST_QUEUE_URL"):
        request_visibility_timeout()
