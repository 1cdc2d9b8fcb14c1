"""What a local stack needs of the machine, checked before anything is started."""

import shutil
import socket

from infra.local.environment import ROOT
from project.env import ConfigurationError, Local

MIN_FREE_BYTES = 500_000_000


def check_machine(ports: Local) -> None:
    """End the program with a sentence where a port is taken or the disk is full."""
    for name, port in (("WEB_PORT", ports.web_port), ("FLOWER_PORT", ports.flower_port), ("AWS_PORT", ports.aws_port)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise ConfigurationError(
                    f"Port {port} can't be used ({error.strerror}). Stop what uses it, or choose another: "
                    f"make demo {name}={port + 1}"
                ) from error
    free = shutil.disk_usage(ROOT).free
    if free < MIN_FREE_BYTES:
        raise ConfigurationError(
            f"Only {free // 1_000_000} MB of disk are free; {MIN_FREE_BYTES // 1_000_000} are needed."
        )
