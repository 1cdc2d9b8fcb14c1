"""The network behind LitServe: `python -m benchmarks.peers.litserve_server PORT`."""

import sys

import litserve
from fastapi import Request

from benchmarks.peers.model import MAX_BATCH_SIZE, WORKERS, Answer, Model
from workers.preprocess import Input

# https://lightning.ai/docs/litserve/features/batching: the longest wait for a batch to fill. LitServe waits that long
# for each batch that isn't full, even for a single picture.
BATCH_TIMEOUT_SECONDS = 0.01


class Classify(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.model = Model()

    def decode_request(self, request: Request) -> Input:
        return self.model.preprocess(request["file"].file.read())

    def batch(self, inputs: list[Input]) -> list[Input]:
        return inputs

    def predict(self, batch: list[Input]) -> list[Answer]:
        return self.model.classify(batch)

    def encode_response(self, output: Answer) -> Answer:
        return output


def main(port: int) -> None:
    # https://lightning.ai/docs/litserve/api-reference/litserver: a model worker a core; `fast_queue` for high rates; by
    # default there are as many API servers as model workers.
    server = litserve.LitServer(
        Classify(max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_TIMEOUT_SECONDS),
        accelerator="cpu",
        devices=1,
        workers_per_device=WORKERS,
        timeout=False,
        fast_queue=True,
    )
    server.run(host="127.0.0.1", port=port, log_level="warning", generate_client_file=False, access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
