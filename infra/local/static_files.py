"""`python -m infra.local.static_files`: collect the site's static files, unless they are collected and up to date.

Systems that start at the same time share the folder, and one that reads it while another writes it would not start.
"""

import fcntl
import subprocess
import sys
import sysconfig
from pathlib import Path

from infra.local.environment import ROOT, STATE

COLLECTED = ROOT / "staticfiles" / "staticfiles.json"


def main() -> None:
    STATE.mkdir(exist_ok=True)
    with (STATE / "static-files.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not up_to_date():
            command = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity=0"]
            sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


def up_to_date() -> bool:
    """Tell whether neither our static files nor the installed packages, which bring others, changed since then."""
    sources = [*(ROOT / "classify_app" / "static").rglob("*"), Path(sysconfig.get_path("purelib"))]
    return COLLECTED.exists() and COLLECTED.stat().st_mtime > max(source.stat().st_mtime for source in sources)


if __name__ == "__main__":
    main()
