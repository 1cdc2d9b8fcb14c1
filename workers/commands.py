"""Commands that prepare other engines: `export` writes a network for ONNX Runtime, `verify` admits a precision.

Both need PyTorch, so they run where machine images are built and not on workers.
"""

import tempfile
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from project import env, logs
from project.env import ConfigurationError
from project.pictures import BadPicture, open_picture
from workers import admission, engines, preprocess
from workers.admission import Comparison
from workers.classifier import Classifier
from workers.preprocess import Input

if TYPE_CHECKING:
    from workers.networks import Trained

CHUNK = 8  # pictures compared at a time, which bounds the memory
EXPORT_REQUIREMENTS = "requirements/export.txt"
console = Console(stderr=True)

Photographs = Annotated[
    list[Path], typer.Argument(help="A hundred or more photographs of the kind that will be classified.", exists=True)
]


class Exported(StrEnum):
    FP32 = "fp32"
    INT8 = "int8"


def export(
    file: Annotated[Path, typer.Argument(help="Where to write the network, NAME.onnx.", dir_okay=False)],
    photographs: Annotated[
        list[Path] | None, typer.Argument(help="With int8: photographs to calibrate it on.", exists=True)
    ] = None,
    precision: Annotated[Exported, typer.Option(help="Precision of the exported network.")] = Exported.FP32,
) -> None:
    """Write the network that MODEL and MODEL_WEIGHTS name to FILE, for workers with ENGINE=onnx."""
    logs.configure()
    if precision is Exported.INT8 and not photographs:
        raise typer.BadParameter("int8 needs calibration: name photographs, about a hundred, after FILE")
    with engines.needing(EXPORT_REQUIREMENTS):
        from workers import export as onnx_file
    trained = _trained()
    if precision is Exported.FP32:
        onnx_file.export(trained, file)
    else:
        with tempfile.TemporaryDirectory() as folder:
            exact = Path(folder, "fp32.onnx")
            onnx_file.export(trained, exact)
            onnx_file.quantize(exact, file, _inputs(trained, _files(photographs or [])))
    console.print(f"{file}: {trained.model.name}, {trained.model.weights}, {precision}, {file.stat().st_size:,} bytes")


def verify(
    photographs: Photographs,
    least_top1: Annotated[float, typer.Option(help="Minimum top-1 agreement.", min=0, max=1)] = 0.98,
    least_top5: Annotated[float, typer.Option(help="Minimum top-5 overlap.", min=0, max=1)] = 0.9,
    most_difference: Annotated[
        float, typer.Option(help="Largest allowed difference of a probability.", min=0, max=1)
    ] = 0.15,
) -> None:
    """Compare the configured ENGINE and PRECISION with PyTorch's fp32 on PHOTOGRAPHS, files or folders of them.

    If they agree, the precision is admitted and written to VERIFIED_FILE. Otherwise the exit code is 1.
    """
    logs.configure()
    config = env.worker()
    engine = engines.load(config)
    trained = _trained()
    if (trained.model.name, trained.model.weights) != (engine.model.name, engine.model.weights):
        raise ConfigurationError(
            f"MODEL and MODEL_WEIGHTS give {trained.model.name} ({trained.model.weights}), but the engine to verify "
            f"runs {engine.model.name} ({engine.model.weights}): compare a network with itself."
        )
    from workers.engines.pytorch import TorchEngine

    reference = TorchEngine(trained, "fp32")
    comparison = _compared(Classifier(engine), Classifier(reference), _inputs(trained, _files(photographs)))
    admitted = (
        comparison.top1_agreement >= least_top1
        and comparison.top5_overlap >= least_top5
        and comparison.largest_difference <= most_difference
    )
    file = Path(config.verified_file)
    admission.save(engine, comparison, admitted, file)
    _print(engine, comparison, admitted, file)
    if not admitted:
        raise typer.Exit(1)


def _trained() -> "Trained":
    with engines.needing(EXPORT_REQUIREMENTS):
        from workers import networks
    trained = networks.load(env.worker())
    if trained.model.weights == networks.RANDOM:
        console.print("[yellow]Random weights say nothing about a precision, and their labels mean nothing.[/yellow]")
    return trained


def _files(paths: list[Path]) -> list[Path]:
    """Return the files among `paths`, and the pictures in the folders among them, by suffix."""
    suffixes = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")
    files: list[Path] = []
    for path in paths:
        files += sorted(file for file in path.iterdir() if file.suffix.lower() in suffixes) if path.is_dir() else [path]
    if not files:
        raise ConfigurationError("No photographs found.")
    return files


def _inputs(trained: "Trained", files: list[Path]) -> Iterator[Input]:
    preprocessing, config = trained.model.preprocessing, env.worker()
    make = preprocess.inputs(preprocessing, config.preprocessing)
    for file in track(files, "photographs", console=console):
        try:
            image, _ = open_picture(file.read_bytes(), env.common().max_pixels)
            picture = preprocess.decode(image, config.exif_transpose, preprocessing.resize)
        except (BadPicture, OSError) as error:
            raise ConfigurationError(f"{file}: {error}") from error
        yield make(picture)


def _compared(ours: Classifier, reference: Classifier, inputs: Iterator[Input]) -> Comparison:
    found, expected = [], []
    pictures: list[Input] = []

    def run() -> None:
        if pictures:
            found.append(ours.probabilities(pictures))
            expected.append(reference.probabilities(pictures))
            pictures.clear()

    for picture in inputs:
        pictures.append(picture)
        if len(pictures) == CHUNK:
            run()
    run()
    return admission.compare(np.concatenate(found), np.concatenate(expected))


def _print(engine: Any, comparison: Comparison, admitted: bool, file: Path) -> None:
    table = Table("photographs", "top-1 agreement", "top-5 overlap", "largest difference of a probability")
    table.add_row(
        str(comparison.photographs),
        f"{comparison.top1_agreement:.1%}",
        f"{comparison.top5_overlap:.1%}",
        f"{comparison.largest_difference:.4f}",
    )
    table.title = f"{engine.name} {engine.precision} against torch fp32: {engine.model.name}, {engine.model.weights}"
    Console().print(table)
    Console().print(f"[green]admitted[/green], written to {file}" if admitted else "[red]refused[/red]")
