"""Every environment variable of the system, declared once: name, type, meaning, unit, default.

`python -m project.env` prints the table of docs/configuration.md. Only the standard library is imported.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from functools import cache
from typing import Any, TypeVar

Tier = TypeVar("Tier")

REQUIRED = "required"


class ConfigurationError(SystemExit):
    """A variable is missing or has a bad value; ends the program with a sentence that names it."""


def boolean(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if text.lower() not in words:
        raise ValueError("must be 1 or 0")
    return words[text.lower()]


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("must be at least 1")
    return number


def at_least_zero(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError("must be at least 0")
    return number


def between(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise ValueError(f"must be {least} to {most}")
        return number

    return parse


def secret(text: str) -> str:
    if len(text) < 50 or len(set(text)) < 10:
        raise ValueError("must have at least 50 characters, 10 of them different")
    return text


def word(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError("must be one of " + ", ".join(allowed))
        return text

    return parse


def words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def variable(
    name: str,
    meaning: str,
    *,
    default: str | None = None,
    parse: Callable[[str], Any] = str,
    unit: str = "",
    shown: bool = True,
) -> Any:
    """Declare a variable; without a default it is required. `default` is text, as a user would write it.

    With `shown=False` no error message contains the value.
    """
    about = {"name": name, "meaning": meaning, "default": default, "parse": parse, "unit": unit, "shown": shown}
    return field(metadata=about)


@dataclass(frozen=True, kw_only=True)
class Common:
    """Read by every process. Credentials and AWS_ENDPOINT_URL are read by boto3 itself."""

    aws_region: str = variable("AWS_REGION", "AWS region of buckets and queues", default="us-east-1")
    max_pixels: int = variable(
        "MAX_PIXELS", "Largest picture: width x height", default="50000000", parse=positive, unit="pixels"
    )
    log_level: str = variable(
        "LOG_LEVEL", "Least severe log line shown", default="INFO", parse=word("DEBUG", "INFO", "WARNING", "ERROR")
    )
    log_format: str = variable(
        "LOG_FORMAT", "`console` for people, `json` for machines", default="json", parse=word("console", "json")
    )


@dataclass(frozen=True, kw_only=True)
class Aws:
    """Read by both tiers: where the buckets and queues are."""

    input_bucket: str = variable("INPUT_BUCKET", "S3 bucket that keeps the uploaded pictures")
    output_bucket: str = variable("OUTPUT_BUCKET", "S3 bucket that keeps the results")
    request_queue_url: str = variable("REQUEST_QUEUE_URL", "SQS queue of pictures to classify")
    response_queue_url: str = variable("RESPONSE_QUEUE_URL", "SQS queue on which results are announced")
    event_queue_url: str = variable("EVENT_QUEUE_URL", "SQS queue of the events that Flower shows")
    long_poll_seconds: int = variable(
        "LONG_POLL_SECONDS",
        "How long a receive waits for a message, 1 to 20; a process that is asked to stop waits for it to end",
        default="20",
        parse=between(1, 20),
        unit="s",
    )

    @property
    def queue_urls(self) -> dict[str, str]:
        """The queue URLs by the names of their variables."""
        return {
            "REQUEST_QUEUE_URL": self.request_queue_url,
            "RESPONSE_QUEUE_URL": self.response_queue_url,
            "EVENT_QUEUE_URL": self.event_queue_url,
        }


@dataclass(frozen=True, kw_only=True)
class Web:
    """Read by the web tier: site, consumers, sweeper."""

    secret_key: str = variable(
        "SECRET_KEY", "Signs cookies and forms; keep it secret, 50 characters or more", parse=secret, shown=False
    )
    database_url: str = variable(
        "DATABASE_URL", "`postgres://user:password@host/name` or `sqlite:///path`", default="sqlite:///db.sqlite3"
    )
    database_pool_size: int = variable(
        "DATABASE_POOL_SIZE",
        "PostgreSQL connections a web process opens at most",
        default="10",
        parse=positive,
        unit="connections",
    )
    allowed_hosts: tuple[str, ...] = variable(
        "ALLOWED_HOSTS", "Host names the site answers to, comma-separated", default="127.0.0.1,localhost", parse=words
    )
    csrf_trusted_origins: tuple[str, ...] = variable(
        "CSRF_TRUSTED_ORIGINS", "Origins behind a proxy that may post the form", default="", parse=words
    )
    https: bool = variable(
        "HTTPS",
        "1: cookies over HTTPS alone, plain HTTP is redirected; 0: for a machine of one's own",
        default="1",
        parse=boolean,
    )
    hsts_seconds: int = variable(
        "HSTS_SECONDS",
        "How long browsers keep to HTTPS once they used it; 0: not told to",
        default="31536000",
        parse=at_least_zero,
        unit="s",
    )
    open_synchronous_routes: bool = variable(
        "OPEN_SYNCHRONOUS_ROUTES",
        "1: the synchronous routes take pictures without a token, and over plain HTTP",
        default="0",
        parse=boolean,
    )
    request_dead_letter_queue_url: str = variable(
        "REQUEST_DEAD_LETTER_QUEUE_URL", "SQS queue of requests that no worker could answer"
    )
    response_dead_letter_queue_url: str = variable(
        "RESPONSE_DEAD_LETTER_QUEUE_URL", "SQS queue of announcements that no consumer could read"
    )
    debug: bool = variable("DEBUG", "Django's debug pages; never in production", default="0", parse=boolean)
    max_upload_bytes: int = variable(
        "MAX_UPLOAD_BYTES", "Largest picture accepted", default="10000000", parse=positive, unit="bytes"
    )
    max_form_pictures: int = variable(
        "MAX_FORM_PICTURES", "Pictures one form may send", default="100", parse=positive, unit="pictures"
    )
    max_form_bytes: int = variable(
        "MAX_FORM_BYTES",
        "Largest upload by the form, all pictures together",
        default="100000000",
        parse=positive,
        unit="bytes",
    )
    body_seconds: int = variable(
        "BODY_SECONDS",
        "Time in which MAX_UPLOAD_BYTES must arrive; more bytes get more time",
        default="60",
        parse=positive,
        unit="s",
    )
    max_backlog: int = variable(
        "MAX_BACKLOG",
        "Queued pictures above which no more are taken",
        default="100000",
        parse=positive,
        unit="pictures",
    )
    rate_limit_uploads_per_minute: int = variable(
        "RATE_LIMIT_UPLOADS_PER_MINUTE",
        "Pictures a user may send to one web process; 0: no limit",
        default="600",
        parse=at_least_zero,
        unit="pictures",
    )
    rate_limit_open_per_minute: int = variable(
        "RATE_LIMIT_OPEN_PER_MINUTE",
        "Pictures an address may send to one web process without a token; 0: no limit",
        default="300",
        parse=at_least_zero,
        unit="pictures",
    )
    sync_wait_seconds: int = variable(
        "SYNC_WAIT_SECONDS", "Longest wait for an answer before 504 or 202", default="300", parse=positive, unit="s"
    )
    stale_after_seconds: int = variable(
        "STALE_AFTER_SECONDS",
        "Age at which a picture whose message was never sent is sent again",
        default="60",
        parse=positive,
        unit="s",
    )
    retention_days: int = variable(
        "RETENTION_DAYS",
        "Age at which finished classifications and dead letters are deleted from the database; in AWS the stack's "
        "`output_expiry_days`; 0: never",
        default="365",
        parse=at_least_zero,
        unit="days",
    )

    @property
    def dead_letter_queue_urls(self) -> dict[str, str]:
        """The dead-letter queue URLs by the names of their variables."""
        return {
            "REQUEST_DEAD_LETTER_QUEUE_URL": self.request_dead_letter_queue_url,
            "RESPONSE_DEAD_LETTER_QUEUE_URL": self.response_dead_letter_queue_url,
        }


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Read by the worker tier, and by `python -m workers`."""

    model: str = variable(
        "MODEL",
        "Network: `resnet18`, `resnet34`, `resnet50`, `resnet101` or `resnet152`",
        default="resnet50",
        parse=word("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    )
    model_weights: str = variable(
        "MODEL_WEIGHTS",
        "A file or `s3://bucket/key` with the weights; empty: torch hub's cache, then a download; "
        "`random`: untrained, for benchmarks",
        default="",
    )
    model_fallback: bool = variable(
        "MODEL_FALLBACK",
        "1: without weights for MODEL, use EfficientNet-Lite0 with a warning; 0: refuse to start",
        default="0",
        parse=boolean,
    )
    engine: str = variable(
        "ENGINE",
        "What runs the network: `torch`, or `onnx` for ONNX Runtime",
        default="torch",
        parse=word("torch", "onnx"),
    )
    onnx_model: str = variable(
        "ONNX_MODEL",
        "With ENGINE=onnx, in place of MODEL and MODEL_WEIGHTS: a file or `s3://bucket/key` that "
        "`python -m workers export` has written",
        default="",
    )
    precision: str = variable(
        "PRECISION",
        "`fp32`, `bf16` (torch), `int8` (onnx) or `fp16` (torch on a GPU)",
        default="fp32",
        parse=word("fp32", "bf16", "int8", "fp16"),
    )
    verified_file: str = variable(
        "VERIFIED_FILE",
        "Where `python -m workers verify` notes what it admits; all precisions but fp32 run only if it did",
        default="verified.json",
    )
    preprocessing: str = variable(
        "PREPROCESSING",
        "`reference`: as the weights were trained; `bare`: pictures of up to 224 x 224 neither resized nor "
        "normalised, as the replaced system did",
        default="reference",
        parse=word("reference", "bare"),
    )
    max_batch_size: int = variable(
        "MAX_BATCH_SIZE", "Pictures in one forward pass at most", default="8", parse=positive, unit="pictures"
    )
    max_wait_ms: int = variable(
        "MAX_WAIT_MS",
        "How long a batch waits for pictures still being decoded",
        default="20",
        parse=at_least_zero,
        unit="ms",
    )
    model_threads: int = variable(
        "MODEL_THREADS",
        "Forward passes at a time; 0: as many as the cores allow",
        default="0",
        parse=at_least_zero,
        unit="threads",
    )
    intra_op_threads: int = variable(
        "INTRA_OP_THREADS",
        "Threads of one forward pass; more answer one picture sooner, and fewer pictures a second",
        default="1",
        parse=positive,
        unit="threads",
    )
    drain_seconds: int = variable(
        "DRAIN_SECONDS",
        "How long a worker that is asked to stop finishes what it holds, before it gives the rest back",
        default="60",
        parse=at_least_zero,
        unit="s",
    )
    exif_transpose: bool = variable(
        "EXIF_TRANSPOSE", "Turn pictures as their EXIF orientation says", default="1", parse=boolean
    )

    @property
    def threads(self) -> int:
        """Parallel forward passes: MODEL_THREADS, or else as many as fit the cores."""
        return self.model_threads or max(1, _cores() // self.intra_op_threads)

    @property
    def held_messages(self) -> int:
        """Most messages a worker holds in flight: two full batches for each model thread."""
        return 2 * self.max_batch_size * self.threads


@dataclass(frozen=True, kw_only=True)
class Local:
    """Read by `make demo` and `make up`, which set all of the above by themselves."""

    web_port: int = variable("WEB_PORT", "Port of the site", default="8000", parse=positive)
    flower_port: int = variable("FLOWER_PORT", "Port of Flower", default="5555", parse=positive)
    aws_port: int = variable("AWS_PORT", "Port of the embedded AWS emulator", default="4566", parse=positive)


def read(tier: type[Tier], environ: Mapping[str, str] = os.environ) -> Tier:
    """Read one tier's variables. Raises ConfigurationError for the first that is missing or bad."""
    return tier(**{declared.name: _value(declared, environ) for declared in fields(tier)})  # type: ignore[arg-type]


@cache
def common() -> Common:
    return read(Common)


@cache
def aws() -> Aws:
    return read(Aws)


@cache
def web() -> Web:
    return read(Web)


@cache
def worker() -> Worker:
    return read(Worker)


def _value(declared: "Field[Any]", environ: Mapping[str, str]) -> Any:
    name, default = declared.metadata["name"], declared.metadata["default"]
    text = environ.get(name) or default
    if text is None:
        raise ConfigurationError(f"{name} is not set: {declared.metadata['meaning']}.")
    try:
        return declared.metadata["parse"](text)
    except ValueError as error:
        shown = f"={text!r}" if declared.metadata["shown"] else ""
        raise ConfigurationError(f"{name}{shown} can't be used: {error}.") from error


def table() -> str:
    """Return the Markdown table of all variables, tier by tier."""
    lines = []
    for tier in (Common, Aws, Web, Worker, Local):
        lines += [
            f"**{tier.__name__}.** {tier.__doc__}",
            "",
            "| Variable | Meaning | Default | Unit |",
            "|---|---|---|---|",
        ]
        for declared in fields(tier):
            about = declared.metadata
            default = REQUIRED if about["default"] is None else f"`{about['default']}`" if about["default"] else "empty"
            lines.append(f"| `{about['name']}` | {about['meaning']} | {default} | {about['unit']} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
