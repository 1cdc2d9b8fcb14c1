"""Tables full of rows, made by PostgreSQL itself within minutes."""

from django.contrib.auth.models import User
from django.db import connection

from classify_app.models import Classification, DeadLetter

STAFF, MANY, FEW = "staff", "many", "few"
"""Users: one who may see everything, one who sent a third of all pictures, and one who sent only the ten oldest."""

A_PICTURE_EVERY = "1 second"

# The oldest hundredth failed, and the next is of the fallback model. To find what is so rare and so old, a search from
# the newest row on would read the whole table.
CLASSIFICATIONS = """
INSERT INTO classify_app_classification (
    id, owner_id, upload_id, state, file_name, input_key, format, width, height, bytes, label, confidence, model,
    weights, fallback, error_code, error, record, created_at, submitted_at, finished_at
)
SELECT
    id, CASE WHEN n <= 10 THEN %(few)s WHEN n %% 3 = 0 THEN %(many)s END, md5((n / 10)::text)::uuid, state,
    CASE WHEN hundredth = 0 THEN 'scan ' || n || '.png' WHEN n %% 2 = 0 THEN 'image.jpg' ELSE 'IMG_' || n || '.jpg' END,
    id || '.jpg', 'JPEG', 640, 480, 114000, CASE state WHEN 'done' THEN label ELSE '' END,
    CASE state WHEN 'done' THEN 0.7 END, CASE state WHEN 'done' THEN model ELSE '' END,
    CASE state WHEN 'done' THEN 'IMAGENET1K_V2' ELSE '' END, model = 'efficientnet-lite0',
    CASE state WHEN 'failed' THEN 'dead_letter' ELSE '' END,
    CASE state WHEN 'failed' THEN 'It failed.' ELSE '' END, CASE state WHEN 'done' THEN %(record)s::jsonb END,
    at, at, CASE WHEN state != 'queued' THEN at END
FROM (
    SELECT
        n, at, hundredth,
        CASE WHEN hundredth = 0 THEN 'failed' WHEN n > %(count)s - 100 THEN 'queued' ELSE 'done' END AS state,
        CASE WHEN hundredth = 1 THEN 'efficientnet-lite0' ELSE 'resnet50' END AS model,
        -- The first labels are the most frequent.
        'label ' || CASE WHEN hundredth = 1 THEN 1000 ELSE floor(power(random(), 3) * 1000) END AS label,
        -- A UUIDv7: 48 bits of milliseconds, the version, and 74 bits, here of a hash instead of chance.
        (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3)
         || '8' || substr(md5(n::text), 4, 15))::uuid AS id
    FROM (
        SELECT n, n * 100 / (%(count)s + 1) AS hundredth, now() - (%(count)s - n) * %(every)s::interval AS at
        FROM generate_series(1::bigint, %(count)s) AS n
    ) AS times
) AS pictures
"""

DEAD_LETTERS = """
INSERT INTO classify_app_deadletter (
    queue, message_id, body, cause, receives, first_seen, last_seen, classification_id, state, handled_by
)
SELECT
    'requests', id, repeat('message ', 75), 'It was received 6 times.', 6, created_at, created_at, id,
    CASE WHEN n % 100 = 0 THEN 'waiting' ELSE 'redriven' END, ''
FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM classify_app_classification WHERE state = 'failed') AS failed
"""

RECORD = """{"label": "tabby", "confidence": 0.7, "top5": [
    {"label": "tabby", "index": 281, "confidence": 0.7}, {"label": "tiger cat", "index": 282, "confidence": 0.15},
    {"label": "Egyptian cat", "index": 285, "confidence": 0.1}, {"label": "lynx", "index": 287, "confidence": 0.04},
    {"label": "tub", "index": 876, "confidence": 0.01}]}"""


def fill(count: int) -> None:
    """Insert `count` classifications, a dead letter for each hundredth, and their users; PostgreSQL only."""
    User.objects.create_superuser(STAFF)
    many, few = (User.objects.create_user(name) for name in (MANY, FEW))
    values: dict[str, int | str] = {
        "count": count,
        "many": many.pk,
        "few": few.pk,
        "record": RECORD,
        "every": A_PICTURE_EVERY,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLASSIFICATIONS, values)
        cursor.execute(DEAD_LETTERS)
        # As autovacuum does in time: statistics for the planner, and scans of an index alone.
        for model in (Classification, DeadLetter):
            cursor.execute(f"VACUUM ANALYZE {model._meta.db_table}")
