#!/usr/bin/env bash
# collect-static.sh PYTHON: collect the site's static files while an image is built.
# The settings below are required to start, but not used and not kept.
set -euo pipefail

cd "$(dirname "$0")/../.."
SECRET_KEY=$("$1" -c "import secrets; print(secrets.token_urlsafe(50))")
export SECRET_KEY DATABASE_URL=sqlite:////nowhere/unused.sqlite3
for name in INPUT_BUCKET OUTPUT_BUCKET REQUEST_QUEUE_URL RESPONSE_QUEUE_URL EVENT_QUEUE_URL \
  REQUEST_DEAD_LETTER_QUEUE_URL RESPONSE_DEAD_LETTER_QUEUE_URL; do
  export "$name=https://unused.invalid/unused"
done
"$1" manage.py collectstatic --noinput --verbosity=0
