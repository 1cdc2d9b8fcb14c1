"""BentoML as its example project serves a ResNet: `bentoml serve benchmarks.peers.bentoml_example:Classify`.

https://github.com/bentoml/BentoResnet: one worker process, and batches of BentoML's default sizes. There the network is
transformers' ResNet; here it is torchvision's of the same layers, which the file of weights fits.
"""

import bentoml
import torch
from PIL.Image import Image

from benchmarks.peers.torchvision_model import Answer, TorchvisionModel


@bentoml.service(traffic={"timeout": 300, "concurrency": 256})
class Classify:
    def __init__(self) -> None:
        self.model = TorchvisionModel()

    @bentoml.api(batchable=True)
    async def classify(self, file: list[Image]) -> list[Answer]:
        return self.model.classify(torch.stack([self.model.input(picture) for picture in file]))
