"""`manage.py chaos`: a short run at random; its last line counts, and its exit code tells whether all is well."""

import os
import re
import subprocess
import sys

from tests.system.harness import INHERITED, ROOT

IMAGES = 40
SECONDS = 400


def test_a_short_run_loses_nothing_and_gets_nothing_wrong():
    environ = {name: os.environ[name] for name in INHERITED if name in os.environ}
    command = [sys.executable, "manage.py", "chaos", "--images", str(IMAGES), "--minutes", "0.6"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.match(r"seed \d+", done.stdout)
    counts = re.fullmatch(r"IN=(\d+) DONE=(\d+) FAILED=(\d+) LOST=0 WRONG=0", done.stdout.splitlines()[-1])
    assert counts, done.stdout
    accepted, finished, failed = map(int, counts.groups())
    assert accepted == finished + failed >= IMAGES
