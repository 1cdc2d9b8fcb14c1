# A worker for those who run containers. From the repository's root:
#   docker build -f infra/docker/worker.Dockerfile -t recognition-worker .
#   docker build -f infra/docker/worker.Dockerfile -t recognition-worker --target torch .
FROM python:3.11-slim-bookworm AS base
RUN useradd --uid 10001 --home-dir /opt/recognition --no-create-home --shell /usr/sbin/nologin recognition
WORKDIR /opt/recognition
ENV PYTHONUNBUFFERED=1
COPY requirements requirements
CMD ["python", "-m", "celery", "-A", "workers.app", "worker", "--hostname", "worker@%h", "--heartbeat-interval", "30", "--without-gossip", "--without-mingle"]
# A worker takes no requests that could ask how it is. It ends when it can't go on; one that hangs shows as the age of
# the request queue's oldest message.
HEALTHCHECK NONE

FROM base AS torch
ARG MODEL=resnet50
# For GPUs: TORCH=torch and TORCH_INDEX=https://pypi.org/simple, whose builds have CUDA.
ARG TORCH=torch-cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV MODEL=$MODEL TORCH_HOME=/opt/recognition/models
RUN pip install --no-cache-dir --no-deps --index-url "$TORCH_INDEX" -r "requirements/$TORCH.txt"
RUN pip install --no-cache-dir --no-deps -r requirements/worker.txt
COPY project project
COPY workers workers
COPY samples samples
# Downloads the weights, for good, and proves them.
RUN python -m workers samples/coffee.png
USER 10001

FROM base AS exporter
ARG MODEL=resnet50
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --no-cache-dir --no-deps --index-url "$TORCH_INDEX" -r requirements/torch-cpu.txt
RUN pip install --no-cache-dir --no-deps -r requirements/export.txt
COPY project project
COPY workers workers
RUN python -m workers export model.onnx

# The last stage is the one that is built where none is named.
FROM base AS onnx
ARG MODEL=resnet50
ENV MODEL=$MODEL ENGINE=onnx ONNX_MODEL=/opt/recognition/models/model.onnx
RUN pip install --no-cache-dir --no-deps -r requirements/worker-onnx.txt
COPY project project
COPY workers workers
COPY samples samples
COPY --from=exporter /opt/recognition/model.onnx models/model.onnx
RUN python -m workers samples/coffee.png
USER 10001
