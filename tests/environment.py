"""The environment of the tests, set before Django and the broker read it: an emulator's address and a database."""

import os
import tempfile
from pathlib import Path

from infra.local import resources
from infra.local.ports import free_ports

STATE = Path(tempfile.mkdtemp(prefix="recognition-tests-"))
[AWS_PORT] = free_ports(1)
AWS_URL = f"http://127.0.0.1:{AWS_PORT}"
QUEUES = f"{AWS_URL}/000000000000"

for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "MODEL", "MODEL_WEIGHTS"):
    os.environ.pop(name, None)
os.environ.update(
    AWS_ENDPOINT_URL=AWS_URL,
    AWS_ACCESS_KEY_ID="tests",
    AWS_SECRET_ACCESS_KEY="tests",
    AWS_REGION="us-east-1",
    AWS_DEFAULT_REGION="us-east-1",
    INPUT_BUCKET=resources.INPUT_BUCKET,
    OUTPUT_BUCKET=resources.OUTPUT_BUCKET,
    REQUEST_QUEUE_URL=f"{QUEUES}/{resources.REQUESTS.name}",
    RESPONSE_QUEUE_URL=f"{QUEUES}/{resources.RESPONSES.name}",
    EVENT_QUEUE_URL=f"{QUEUES}/{resources.EVENTS.name}",
    SECRET_KEY="of the tests alone, and as long as a key of the site must be",
    HTTPS="0",
    OPEN_SYNCHRONOUS_ROUTES="1",
    RATE_LIMIT_UPLOADS_PER_MINUTE="0",
    RATE_LIMIT_OPEN_PER_MINUTE="0",
    REQUEST_DEAD_LETTER_QUEUE_URL=f"{QUEUES}/{resources.REQUESTS.dead_letter_name}",
    RESPONSE_DEAD_LETTER_QUEUE_URL=f"{QUEUES}/{resources.RESPONSES.dead_letter_name}",
    MODEL_FALLBACK="1",
    LOG_FORMAT="console",
    SYNC_WAIT_SECONDS="30",
    LONG_POLL_SECONDS="1",
)
# DATABASE_URL may name a PostgreSQL server; without it the tests run on SQLite.
os.environ.setdefault("DATABASE_URL", f"sqlite:///{STATE}/db.sqlite3")
