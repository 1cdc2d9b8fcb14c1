"""The environment: every variable has its type and default, and a missing or bad one is named in a sentence."""

import os
import subprocess
import sys

import pytest

from project import env
from project.env import Aws, Common, ConfigurationError, Local, Web, Worker

AWS = {
    "INPUT_BUCKET": "in",
    "OUTPUT_BUCKET": "out",
    "REQUEST_QUEUE_URL": "https://sqs/requests",
    "RESPONSE_QUEUE_URL": "https://sqs/responses",
    "EVENT_QUEUE_URL": "https://sqs/events",
}
WEB = {
    "SECRET_KEY": "abcdefghij" * 5,
    "REQUEST_DEAD_LETTER_QUEUE_URL": "https://sqs/dead-requests",
    "RESPONSE_DEAD_LETTER_QUEUE_URL": "https://sqs/dead-responses",
}


@pytest.mark.parametrize(("tier", "missing"), [*((Aws, name) for name in AWS), *((Web, name) for name in WEB)])
def test_a_missing_variable_is_named_with_its_meaning(tier, missing):
    environ = {name: value for name, value in {**AWS, **WEB}.items() if name != missing}
    with pytest.raises(ConfigurationError, match=rf"^{missing} is not set: .+\.$"):
        env.read(tier, environ)


def test_an_empty_variable_counts_as_missing():
    with pytest.raises(ConfigurationError, match="INPUT_BUCKET is not set"):
        env.read(Aws, {**AWS, "INPUT_BUCKET": ""})


def test_required_variables_are_read():
    assert env.read(Aws, AWS) == Aws(
        input_bucket="in",
        output_bucket="out",
        request_queue_url="https://sqs/requests",
        response_queue_url="https://sqs/responses",
        event_queue_url="https://sqs/events",
        long_poll_seconds=20,
    )


@pytest.mark.parametrize(("text", "seconds"), [("1", 1), ("20", 20)])
def test_a_long_poll_may_be_as_long_as_sqs_allows(text, seconds):
    assert env.read(Aws, {**AWS, "LONG_POLL_SECONDS": text}).long_poll_seconds == seconds


@pytest.mark.parametrize("text", ["0", "21"])
def test_a_long_poll_out_of_range_is_refused(text):
    with pytest.raises(ConfigurationError, match="must be 1 to 20"):
        env.read(Aws, {**AWS, "LONG_POLL_SECONDS": text})


@pytest.mark.parametrize(
    ("tier", "name", "value", "reason"),
    [
        (Common, "MAX_PIXELS", "0", "must be at least 1"),
        (Common, "MAX_PIXELS", "many", "invalid literal"),
        (Common, "MAX_PIXELS", "1.5", "invalid literal"),
        (Common, "LOG_LEVEL", "LOUD", "must be one of DEBUG, INFO, WARNING, ERROR"),
        (Common, "LOG_FORMAT", "xml", "must be one of console, json"),
        (Worker, "MODEL", "resnet51", "must be one of resnet18"),
        (Worker, "MODEL_FALLBACK", "perhaps", "must be 1 or 0"),
        (Worker, "MAX_BATCH_SIZE", "0", "must be at least 1"),
        (Worker, "MAX_BATCH_SIZE", "-8", "must be at least 1"),
        (Worker, "MAX_WAIT_MS", "-1", "must be at least 0"),
        (Worker, "MODEL_THREADS", "-1", "must be at least 0"),
        (Worker, "EXIF_TRANSPOSE", "2", "must be 1 or 0"),
        (Worker, "DRAIN_SECONDS", "-1", "must be at least 0"),
        (Local, "WEB_PORT", "http", "invalid literal"),
    ],
)
def test_a_bad_value_is_named_with_its_reason(tier, name, value, reason):
    with pytest.raises(ConfigurationError, match=f"^{name}='{value}' can't be used: {reason}"):
        env.read(tier, {name: value})


def test_the_worker_needs_no_variable():
    assert env.read(Worker, {}) == Worker(
        model="resnet50",
        model_weights="",
        model_fallback=False,
        engine="torch",
        onnx_model="",
        precision="fp32",
        verified_file="verified.json",
        preprocessing="reference",
        max_batch_size=8,
        max_wait_ms=20,
        model_threads=0,
        intra_op_threads=1,
        drain_seconds=60,
        exif_transpose=True,
    )


def test_defaults_are_the_documented_limits():
    common, web = env.read(Common, {}), env.read(Web, WEB)
    assert (common.max_pixels, web.max_upload_bytes) == (50_000_000, 10_000_000)


def test_the_defaults_are_secure():
    web = env.read(Web, WEB)
    assert (web.https, web.hsts_seconds, web.open_synchronous_routes, web.debug) == (True, 31_536_000, False, False)
    assert web.rate_limit_uploads_per_minute and web.rate_limit_open_per_minute and web.max_backlog


@pytest.mark.parametrize("name", ["MAX_BACKLOG", "MAX_FORM_BYTES", "BODY_SECONDS"])
def test_a_limit_of_zero_is_refused(name):
    with pytest.raises(ConfigurationError, match=f"^{name}='0' can't be used: must be at least 1"):
        env.read(Web, {**WEB, name: "0"})


@pytest.mark.parametrize("weak", ["abcdefghij" * 4 + "abcdefghi", "abcdefghi" * 6])
def test_a_weak_secret_key_is_refused_and_not_shown(weak):
    with pytest.raises(ConfigurationError, match="^SECRET_KEY can't be used: must have at least 50") as refusal:
        env.read(Web, {**WEB, "SECRET_KEY": weak})
    assert weak not in str(refusal.value)


@pytest.mark.parametrize(("text", "value"), [("1", True), ("TRUE", True), ("yes", True), ("0", False), ("No", False)])
def test_booleans_are_words(text, value):
    assert env.read(Worker, {"MODEL_FALLBACK": text}).model_fallback is value


def test_lists_are_separated_by_commas():
    web = env.read(Web, {**WEB, "ALLOWED_HOSTS": " a.example, b.example ,,"})
    assert web.allowed_hosts == ("a.example", "b.example")


@pytest.mark.parametrize(("variable", "value"), [("MAX_PIXELS", "1"), ("MAX_PIXELS", "123456789012")])
def test_the_limits_of_a_number_are_allowed(variable, value):
    assert env.read(Common, {variable: value}).max_pixels == int(value)


def test_a_batch_of_one_without_a_wait_is_allowed():
    worker = env.read(Worker, {"MAX_BATCH_SIZE": "1", "MAX_WAIT_MS": "0", "MODEL_THREADS": "1"})
    assert (worker.max_wait_ms, worker.held_messages) == (0, 2)


def test_a_worker_holds_two_full_batches_for_each_model_thread():
    assert env.read(Worker, {"MAX_BATCH_SIZE": "8", "MODEL_THREADS": "3"}).held_messages == 48


def test_zero_model_threads_mean_one_per_core():
    assert env.read(Worker, {"MODEL_THREADS": "0"}).threads == os.cpu_count()


def test_a_program_exits_with_the_message_and_no_traceback():
    environ = {name: value for name, value in os.environ.items() if name != "REQUEST_QUEUE_URL"}
    ended = subprocess.run(
        [sys.executable, "-c", "import project.broker.celery"], env=environ, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("REQUEST_QUEUE_URL is not set: ")
    assert len(ended.stderr.splitlines()) == 1


def test_the_table_has_every_variable_once():
    table = env.table()
    for name in (*AWS, *WEB, "MODEL", "MODEL_WEIGHTS", "MAX_PIXELS", "WEB_PORT"):
        assert table.count(f"| `{name}` |") == 1
