"""LitServe as its documentation serves a ResNet: `python -m benchmarks.peers.litserve_example PORT`.

https://lightning.ai/docs/litserve/speed-up-serving-by-200x, with the batch size and the workers that LitServe's own
benchmark of this server has for a CPU: https://github.com/Lightning-AI/LitServe/tree/main/tests/parity_fastapi
"""

import base64
import io
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import litserve
import torch
from PIL import Image

from benchmarks.peers.torchvision_model import Answer, TorchvisionModel

BATCH_SIZE = 8
BATCH_TIMEOUT_SECONDS = 0.01
WORKERS = 2


class Classify(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.model = TorchvisionModel()
        self.pool = ThreadPoolExecutor(os.cpu_count())

    def decode_request(self, request: dict[str, str]) -> str:
        return request["image_data"]

    def batch(self, inputs: list[str]) -> torch.Tensor:
        return torch.stack(list(self.pool.map(self._input, inputs)))

    def _input(self, encoded: str) -> torch.Tensor:
        return self.model.input(Image.open(io.BytesIO(base64.b64decode(encoded))))

    def predict(self, batch: torch.Tensor) -> list[Answer]:
        return self.model.classify(batch)

    def encode_response(self, output: Answer) -> Answer:
        return output


def main(port: int) -> None:
    server = litserve.LitServer(
        Classify(max_batch_size=BATCH_SIZE, batch_timeout=BATCH_TIMEOUT_SECONDS),
        accelerator="cpu",
        workers_per_device=WORKERS,
        timeout=False,  # The example's 10 s would end a benchmark on a busy machine.
        fast_queue=True,
    )
    server.run(host="127.0.0.1", port=port, log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
