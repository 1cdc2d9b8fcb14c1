"""The network behind Ray Serve: `python -m benchmarks.peers.ray_server PORT`."""

import asyncio
import sys

import ray
from ray import serve
from starlette.requests import Request

from benchmarks.peers.model import MAX_BATCH_SIZE, WORKERS, Answer, Model

BATCH_WAIT_SECONDS = 0.01  # the default of @serve.batch


# https://docs.ray.io/en/latest/serve/advanced-guides/performance.html: a replica a core; and
# https://docs.ray.io/en/latest/serve/advanced-guides/dyn-req-batch.html: a replica must get more requests than fit a
# batch, so that the next batch fills while one is computed.
@serve.deployment(num_replicas=WORKERS, ray_actor_options={"num_cpus": 1}, max_ongoing_requests=4 * MAX_BATCH_SIZE)
class Classify:
    def __init__(self) -> None:
        self.model = Model()

    async def __call__(self, request: Request) -> Answer:
        async with request.form() as form:
            content = await form["file"].read()
        answer: Answer = await self.classify(content)
        return answer

    @serve.batch(max_batch_size=MAX_BATCH_SIZE, batch_wait_timeout_s=BATCH_WAIT_SECONDS)
    async def classify(self, contents: list[bytes]) -> list[Answer]:
        # https://docs.ray.io/en/latest/serve/advanced-guides/asyncio-best-practices.html: no computation may
        # block the event loop.
        return await asyncio.to_thread(self._classify, contents)

    def _classify(self, contents: list[bytes]) -> list[Answer]:
        return self.model.classify([self.model.preprocess(content) for content in contents])


def main(port: int) -> None:
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    serve.start(http_options={"host": "127.0.0.1", "port": port}, logging_config={"enable_access_log": False})
    serve.run(Classify.bind(), blocking=True)  # type: ignore[attr-defined]  # added by the decorator


if __name__ == "__main__":
    main(int(sys.argv[1]))
