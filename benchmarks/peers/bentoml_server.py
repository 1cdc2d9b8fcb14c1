"""The network behind BentoML: `bentoml serve benchmarks.peers.bentoml_server:Classify --port PORT`."""

from pathlib import Path

import bentoml

from benchmarks.peers.model import MAX_BATCH_SIZE, WORKERS, Answer, Model


# https://docs.bentoml.com/en/latest/build-with-bentoml/parallelize-requests.html: a worker process a core;
# https://docs.bentoml.com/en/latest/get-started/adaptive-batching.html: batches whose size and waiting time BentoML
# adapts to the load. `max_latency_ms` keeps its default; slower requests are refused.
@bentoml.service(
    workers=WORKERS, traffic={"timeout": 300}, metrics={"enabled": False}, logging={"access": {"enabled": False}}
)
class Classify:
    def __init__(self) -> None:
        self.model = Model()

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH_SIZE)
    def classify(self, file: list[Path]) -> list[Answer]:
        return self.model.classify([self.model.preprocess(path.read_bytes()) for path in file])
