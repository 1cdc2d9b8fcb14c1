"""Ray Serve as its documentation serves a ResNet: `python -m benchmarks.peers.ray_example PORT`.

https://docs.ray.io/en/latest/serve/tutorials/serve-ml-models.html, tab PyTorch: one replica, to which Ray
gives one thread, and one picture at a time. The transforms are the weights' own, so that labels can be compared.
"""

import io
import sys

import ray
import torch
from PIL import Image
from ray import serve
from starlette.requests import Request

from benchmarks.peers.torchvision_model import Answer, TorchvisionModel


@serve.deployment
class Classify:
    def __init__(self) -> None:
        self.model = TorchvisionModel()

    async def __call__(self, request: Request) -> Answer:
        picture = Image.open(io.BytesIO(await request.body()))
        return self.model.classify(torch.stack([self.model.input(picture)]))[0]


def main(port: int) -> None:
    # Without the dashboard, which would cost CPU time of its own.
    ray.init(include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(Classify.bind(), blocking=True)  # type: ignore[attr-defined]  # added by the decorator


if __name__ == "__main__":
    main(int(sys.argv[1]))
