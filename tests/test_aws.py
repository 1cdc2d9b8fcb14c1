"""AWS errors at startup and later: permanent ones name the setting to change, others are retried."""

import time

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from infra.local import faults
from project import env
from project.aws import clients as product
from project.aws import startup
from project.backoff import MAX_SECONDS, Backoff
from project.env import ConfigurationError
from tests.configuration import configured
from tests.environment import AWS_URL


def test_startup_checks_all_buckets_and_queues(proxied):
    startup.check_aws()
    assert proxied.passed == {"GET": 2, "GetQueueAttributes": 3}


@pytest.mark.parametrize("name", ["INPUT_BUCKET", "OUTPUT_BUCKET"])
def test_a_missing_bucket_ends_the_startup_and_is_named(proxied, name):
    sentence = f"^{name}=no-such-bucket can't be used: the bucket doesn't exist"
    with configured(**{name: "no-such-bucket"}), pytest.raises(ConfigurationError, match=sentence):
        startup.check_aws()


@pytest.mark.parametrize("name", ["REQUEST_QUEUE_URL", "RESPONSE_QUEUE_URL", "EVENT_QUEUE_URL"])
def test_a_missing_queue_ends_the_startup_and_is_named(proxied, name):
    url = f"{AWS_URL}/000000000000/none"
    sentence = f"^{name}={url} can't be used: the queue doesn't exist"
    with configured(**{name: url}), pytest.raises(ConfigurationError, match=sentence):
        startup.check_aws()


@pytest.mark.parametrize("name", ["REQUEST_DEAD_LETTER_QUEUE_URL", "RESPONSE_DEAD_LETTER_QUEUE_URL"])
def test_a_missing_dead_letter_queue_is_named(proxied, name):
    startup.check_queues(env.web().dead_letter_queue_urls)
    sentence = f"^{name}={AWS_URL}/000000000000/none can't be used: the queue doesn't exist.*{name}"
    with configured(**{name: f"{AWS_URL}/000000000000/none"}), pytest.raises(ConfigurationError, match=sentence):
        startup.check_queues(env.web().dead_letter_queue_urls)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("expired", "credentials have expired"), ("skewed", "clock is minutes off"), ("denied", "lacks the permission")],
)
@pytest.mark.parametrize("service", ["s3", "sqs"])
def test_a_permanent_error_ends_the_startup_with_its_reason(proxied, kind, service, reason):
    proxied.fault = faults.Fault(kind, service)
    with pytest.raises(ConfigurationError, match=reason):
        startup.check_aws()


def test_startup_waits_while_aws_is_unavailable(proxied, monkeypatch):
    def waits(seconds: float) -> None:
        proxied.fault = faults.Fault()

    monkeypatch.setattr(time, "sleep", waits)
    proxied.fault = faults.Fault("slow_down", "s3")
    startup.check_aws()
    assert proxied.passed["GET"] == 2


def test_startup_without_waiting_continues(proxied):
    proxied.fault = faults.Fault("error")
    startup.check_aws(wait=False)
    assert "GET" not in proxied.passed


def test_an_unknown_error_is_explained_by_its_own_message():
    error = ClientError({"Error": {"Code": "InternalError", "Message": "Oh."}}, "PutObject")
    assert product.lasting_reason(error) is None
    assert product.explain(error) == str(error)


def test_missing_credentials_are_named():
    assert "AWS_PROFILE" in product.explain(NoCredentialsError())


def test_backoff_grows_up_to_a_limit_and_resets():
    backoff = Backoff()
    waits = [backoff.seconds() for _ in range(30)]
    assert 0.5 <= waits[0] <= 1 <= waits[1] <= 2 <= waits[2] <= 4
    assert all(MAX_SECONDS / 2 <= wait <= MAX_SECONDS for wait in waits[4:])
    assert len(set(waits)) == len(waits)
    backoff.reset()
    assert backoff.seconds() <= 1
