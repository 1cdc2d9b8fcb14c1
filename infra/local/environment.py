"""The environment of a local stack's processes."""

import os
import secrets
from pathlib import Path

from infra.local import resources
from project import env

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".local"
"""Everything a local stack keeps: database, objects, queues, logs. Delete it to start afresh."""

ACCOUNT = "000000000000"


def logs(state: Path = STATE) -> Path:
    return state / "log"


def aws_url(ports: env.Local) -> str:
    return f"http://127.0.0.1:{ports.aws_port}"


def environment(ports: env.Local, state: Path = STATE) -> dict[str, str]:
    """Return the variables of all processes; what the caller's environment sets already stays as it is."""
    queues = f"{aws_url(ports)}/{ACCOUNT}"
    ours = {
        "INPUT_BUCKET": resources.INPUT_BUCKET,
        "OUTPUT_BUCKET": resources.OUTPUT_BUCKET,
        "REQUEST_QUEUE_URL": f"{queues}/{resources.REQUESTS.name}",
        "RESPONSE_QUEUE_URL": f"{queues}/{resources.RESPONSES.name}",
        "EVENT_QUEUE_URL": f"{queues}/{resources.EVENTS.name}",
        "REQUEST_DEAD_LETTER_QUEUE_URL": f"{queues}/{resources.REQUESTS.dead_letter_name}",
        "RESPONSE_DEAD_LETTER_QUEUE_URL": f"{queues}/{resources.RESPONSES.dead_letter_name}",
        "DATABASE_URL": f"sqlite:///{state}/db.sqlite3",
        "SECRET_KEY": _secret_key(state),
        "HTTPS": "0",
        "OPEN_SYNCHRONOUS_ROUTES": "1",
        "RETENTION_DAYS": "0",  # as the emulator deletes no objects
        # The site listens to this machine alone, so there is nobody to protect others from.
        "RATE_LIMIT_UPLOADS_PER_MINUTE": "0",
        "RATE_LIMIT_OPEN_PER_MINUTE": "0",
        "MODEL_FALLBACK": "1",
        "LOG_FORMAT": "console",
        "LONG_POLL_SECONDS": "2",  # requests cost nothing here, and Ctrl-C waits for the poll
    }
    # A local stack never talks to a real account, whatever the caller's environment holds.
    forced = {
        "AWS_ENDPOINT_URL": aws_url(ports),
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONPATH": str(ROOT),
    }
    environ = {name: value for name, value in os.environ.items() if name not in ("AWS_PROFILE", "AWS_SESSION_TOKEN")}
    return {**ours, **environ, **forced}


def emulator_environment(ports: env.Local, state: Path = STATE, keep: bool = True) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "BIND_HOST": "127.0.0.1",  # Without it the emulator listens on all addresses.
        "GATEWAY_PORT": str(ports.aws_port),
        "SERVICES": "s3,sqs",
        "LOG_LEVEL": "WARNING",
        "PERSIST_STATE": str(int(keep)),
        "STATE_DIR": str(state / "aws"),
        "S3_PERSIST": str(int(keep)),
        "S3_DATA_DIR": str(state / "objects"),
    }


def _secret_key(state: Path) -> str:
    path = state / "secret_key"
    if not path.exists():
        state.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text()
