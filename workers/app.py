"""The worker's Celery application: `celery -A workers.app worker` starts a worker."""

from celery.signals import setup_logging

from project import env, logs
from project.celery import app
from project.events import WorkerDetails
from workers import tasks  # noqa: F401 -- registers the task
from workers.startup import ModelStep

setup_logging.connect(logs.configure)
app.conf.worker_concurrency = env.worker().held_messages
app.steps["worker"].add(ModelStep)
app.steps["consumer"].add(WorkerDetails)
