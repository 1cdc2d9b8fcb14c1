"""The Celery application of both tiers: broker, result backend, events. It doesn't use Django."""

from typing import Any

from celery import Celery
from kombu import Queue

import project.broker.transport  # noqa: F401 -- registers sqsbatch://
from project import contract, env
from project.aws.clients import QUICK_TIMEOUTS
from project.aws.queues import name_of

BACKOFF = {1: 5, 2: 20, 3: 60}
"""Seconds before a failed attempt is retried, by the message's receive count."""


def configuration(aws: env.Aws, region: str) -> dict[str, Any]:
    requests = name_of(aws.request_queue_url)
    return {
        "broker_url": "sqsbatch://",
        "broker_transport_options": {
            "region": region,
            "wait_time_seconds": aws.long_poll_seconds,
            # kombu's default of 1 s would also delay receives while the prefetch limit is reached.
            "polling_interval": 0,
            # Plain JSON: any SQS client can read it, and it is 400 bytes shorter than base64 in base64.
            "sqs_base64_encoding": False,
            "body_encoding": "utf-8",
            # Workers don't receive through this client, but over kombu's event loop.
            "client-config": QUICK_TIMEOUTS,
            # With predefined queues kombu needs no permission to list or create queues.
            "predefined_queues": {
                requests: {
                    "url": aws.request_queue_url,
                    "backoff_policy": BACKOFF,
                    "backoff_tasks": [contract.TASK_NAME],
                },
                name_of(aws.event_queue_url): {"url": aws.event_queue_url},
            },
        },
        # Every connection builds a boto3 client, which takes 0.7 s, so there are few and they are made at the start.
        "broker_pool_limit": 2,
        "broker_connection_retry_on_startup": True,
        "task_queues": [Queue(requests, exchange="", routing_key=requests)],
        "task_default_queue": requests,
        "task_default_exchange": "",
        "task_default_routing_key": requests,
        "task_create_missing_queues": False,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        # After an unexpected error the message returns to the queue, and in the end goes to the dead-letter queue.
        "task_acks_on_failure_or_timeout": False,
        "task_send_sent_event": False,
        "result_backend": "project.broker.backend:RecordBackend",
        "worker_pool": "threads",
        "worker_prefetch_multiplier": 1,
        # A soft shutdown crashes the threads pool.
        "worker_soft_shutdown_timeout": 0,
        "worker_enable_remote_control": False,
        "worker_send_task_events": True,
        "worker_hijack_root_logger": False,
    }


def application() -> Celery:
    app = Celery("project", set_as_current=True, events="project.broker.events:Events")
    app.conf.update(configuration(env.aws(), env.common().aws_region))
    return app


app = application()
