"""A benchmark's results: printed as tables, and written to benchmarks/results/NAME.json."""

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import psutil
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from infra.local.photographs import photographs

Row: TypeAlias = Mapping[str, Any]

FOLDER = Path(__file__).with_name("results")
SETTINGS = (
    "MODEL",
    "MODEL_WEIGHTS",
    "ENGINE",
    "ONNX_MODEL",
    "PRECISION",
    "PREPROCESSING",
    "MODEL_THREADS",
    "INTRA_OP_THREADS",
    "MAX_BATCH_SIZE",
    "MAX_WAIT_MS",
    "PHOTOS",
)
"""Environment variables that change the measurement. The reported command includes those that are set."""

UNBOUNDED = 10_000  # columns


def report(
    name: str,
    rows: Sequence[Row],
    runs: Sequence[Row],
    *,
    versions: Mapping[str, str],
    folder: Path = FOLDER,
    tables_by: Sequence[str] = ("model",),
) -> Path:
    """Print `rows` as tables, and write a file with everything that is needed to repeat the run; return the file.

    rows: the results, each with its `model`, and with units in the field names. runs: the single measurements behind
    the rows. tables_by: rows with the same values in these fields share a table.
    """
    print_tables(name, rows, tables_by)
    document = {
        "name": name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": {"python": platform.python_version(), **versions},
        "command": command(),
        "photographs": _photographs(),
        "rows": rows,
        "runs": runs,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    return {package: version(package) for package in packages}


def machine() -> dict[str, Any]:
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        # If it is well above the number of cores, the machine was busy and only CPU times and ratios are valid.
        "load_average": round(os.getloadavg()[1], 1),
    }


def command() -> str:
    """Return the command that repeats this run, without paths of this machine."""
    shown = {name: os.environ[name] for name in SETTINGS if os.environ.get(name)}
    shown = {name: Path(value).name if "/" in value else value for name, value in shown.items()}
    settings = [f"{name}={'DIR' if name == 'PHOTOS' else value}" for name, value in shown.items()]
    return " ".join([*settings, "python", *sys.orig_argv[1:]])


def print_tables(title: str, rows: Sequence[Row], tables_by: Sequence[str] = ("model",)) -> None:
    """Print one table for consecutive rows with the same fields and the same values in `tables_by`."""
    for (shared, _), alike in groupby(rows, key=lambda row: ({name: row.get(name) for name in tables_by}, list(row))):
        about = ", ".join(f"{name} {value}" for name, value in shared.items() if value is not None)
        _print_table(f"{title}: {about}", [{k: v for k, v in row.items() if k not in shared} for row in alike])


def _print_table(title: str, rows: Sequence[Row]) -> None:
    """Print each row as a line, or as a column if the lines would be too long."""
    console = Console(highlight=False)
    shown = [_with_spread(row) for row in rows]
    table = Table(*shown[0], title=title)
    for row in shown:
        table.add_row(*row.values())
    if Measurement.get(console, console.options.update(max_width=UNBOUNDED), table).maximum > console.width:
        table = Table(title=title, show_header=False)
        table.add_column(no_wrap=True)
        for _ in shown:
            table.add_column(overflow="fold")
        for name in shown[0]:
            table.add_row(name, *(row[name] for row in shown))
    console.print(table)


def _with_spread(row: Row) -> dict[str, str]:
    """Return what is printed of a row: the smallest and largest value stand behind their median, if they differ."""
    shown = {}
    for name, value in row.items():
        if name.endswith(("_min", "_max")) and name[: -len("_min")] in row:
            continue
        least, most = row.get(f"{name}_min", value), row.get(f"{name}_max", value)
        shown[name] = _shown(value) if least == most else f"{_shown(value)} ({_shown(least)} to {_shown(most)})"
    return shown


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, Mapping):
        return "\n".join(f"{name} {_shown(one)}" for name, one in value.items())
    return str(value)


def _photographs() -> dict[str, int]:
    sizes = [path.stat().st_size for path in photographs()]
    return {"files": len(sizes), "mean_bytes": sum(sizes) // len(sizes)}


def _cpu_name() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
