"""The worker's Celery application: `celery -A workers.app worker` starts a worker."""

import warnings

from celery.signals import setup_logging, worker_ready, worker_shutting_down

from project import env, logs
from project.broker.celery import app
from project.broker.events import WorkerDetails
from workers import readiness, tasks  # noqa: F401 -- registers the task
from workers.in_flight import InFlightStep
from workers.startup import ModelStep

setup_logging.connect(logs.configure)
worker_ready.connect(readiness.ready)
worker_shutting_down.connect(readiness.stopping)
app.conf.worker_concurrency = env.worker().held_messages
app.steps["worker"].add(ModelStep)
app.steps["consumer"].add(WorkerDetails)
app.steps["consumer"].add(InFlightStep)
# Errors of the result backend, each with a traceback. ClassifyRequest.on_failure logs them in one line.
warnings.filterwarnings("ignore", message="Exception raised outside body")
