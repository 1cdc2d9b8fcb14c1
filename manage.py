#!/usr/bin/env python
"""Django's command line: `manage.py help` lists the commands; and `manage.py chaos`, see its `--help`."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    if sys.argv[1:2] == ["chaos"]:
        # It runs a system of its own, so it needs the settings of none; a signal to this process must reach it.
        os.execv(sys.executable, [sys.executable, "-m", "infra.local.chaos", *sys.argv[2:]])  # noqa: S606 -- no shell
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    execute_from_command_line(sys.argv)
