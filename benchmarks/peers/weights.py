"""Write untrained weights to a file, the same for all servers: `python -m benchmarks.peers.weights MODEL FILE`."""

import sys
from pathlib import Path

import torch
from torchvision.models import get_model


def main(name: str, file: Path) -> None:
    torch.manual_seed(0)
    torch.save(get_model(name).state_dict(), file)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
