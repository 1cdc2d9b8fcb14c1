"""`make bench-engine`: CPU time of the forward pass and of the whole pipeline, by engine, precision and batch."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import results
from benchmarks.figures import spread
from benchmarks.variants import Variant, export, run

MODELS = ("resnet18", "resnet50")
BATCH_SIZES = (1, 8)
PACKAGES = ("torch", "torchvision", "onnxruntime", "pillow", "numpy")


def main(
    models: Annotated[str, typer.Option(help="Models to measure, comma-separated.")] = ",".join(MODELS),
    output: Annotated[Path, typer.Option(help="Folder for engine.json.")] = results.FOLDER,
) -> None:
    """Measure every engine and precision. Weights are untrained, which take the same time as trained ones."""
    rows, runs = [], []
    with tempfile.TemporaryDirectory(prefix="recognition-engines-") as folder:
        for model in models.split(","):
            variables = {"MODEL": model, "MODEL_WEIGHTS": "random"}
            exported = {precision: export(precision, variables, Path(folder)) for precision in ("fp32", "int8")}
            for variant in Variant:
                engine, precision = variant.engine, variant.precision
                for batch_size in BATCH_SIZES:
                    chosen = {"ENGINE": engine, "PRECISION": precision, "MAX_BATCH_SIZE": str(batch_size)}
                    if engine == "onnx":
                        chosen["ONNX_MODEL"] = str(exported[precision])
                    found = _measure({**variables, **chosen})
                    runs.append({"model": model, "batch_size": batch_size, **found})
                    rows.append(row(model, batch_size, found))
                    print(f"{model} {engine} {precision} batch {batch_size}: measured", file=sys.stderr)
    results.report("engine", rows, runs, versions=results.versions_of(PACKAGES), folder=output)


def row(model: str, batch_size: int, found: dict[str, Any]) -> dict[str, Any]:
    """Summarise one engine's rounds. Each ratio compares two measurements of the same round."""
    forwards, pipelines = found["forward"], found["pipeline"]
    ratios = [bare["cpu_ms"] / whole["cpu_ms"] for bare, whole in zip(forwards, pipelines, strict=True)]
    return {
        "model": model,
        "engine": found["engine"],
        "precision": found["precision"],
        "batch_size": batch_size,
        **spread("forward_cpu_ms", [bare["cpu_ms"] for bare in forwards]),
        **spread("pipeline_cpu_ms", [whole["cpu_ms"] for whole in pipelines]),
        **spread("forward_per_pipeline_cpu", ratios),
        **spread("forward_images_per_s", [bare["images_per_s"] for bare in forwards]),
        **spread("images_per_s", [whole["images_per_s"] for whole in pipelines]),
        "resident_mb": round(found["resident_mb"]),
    }


def _measure(variables: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(["-m", "benchmarks.engine.measure"], variables).splitlines()[-1])
    return found


if __name__ == "__main__":
    typer.run(main)
