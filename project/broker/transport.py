"""kombu's SQS transport, hardened against errors that stop a worker, with receives, sends and deletes in batches.

Registered as `sqsbatch://`. It fixes these problems of kombu 5.7.0:

- a 5xx or a refused connection on ReceiveMessage raises AttributeError and stops the worker,
- a 4xx there (throttling, a changed role) stops the worker,
- a receive has no time-out, so one lost TCP connection stops polling for good,
- each acknowledgement is a DeleteMessage call that blocks the event loop,
- an AWS error in any other call, such as ChangeMessageVisibility, stops the worker,
- messages received after the consumer was cancelled are returned one by one, through a new client,
- a message that kombu or Celery can't read (deeply nested, null in a field) stops the worker,
- each published message takes a call of its own, and so does the receive for each free place in the prefetch.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import kombu.transport
import pycurl
import structlog
from kombu.asynchronous.aws.connection import AsyncHTTPSConnection
from kombu.transport import SQS, virtual
from kombu.utils.json import dumps

from project.aws.clients import ERRORS, reason_in
from project.aws.queues import MAX_MESSAGES, SendError, send_all
from project.backoff import Backoff
from project.batching import Batcher, log_failure

log = structlog.get_logger()

Published: TypeAlias = list[tuple[str, dict[str, Any]]]
"""(queue name, message) of each published message."""

ACK_LINGER_SECONDS = 0.25  # how long an acknowledgement waits for others to share its call; nobody waits for it
CHECK_SECONDS = 0.02  # between checks for free places in the prefetch, or for the end of a pause
RECEIVE_LINGER_SECONDS = 0.5  # longest wait for more free places while more than half are taken
CONNECT_SECONDS = 5
RECEIVE_SLACK_SECONDS = 10  # on top of the long poll

RETRY_SECONDS = (5, 20, 60, 300, 900)
"""Delays before the retries of an attempt that failed through no fault of its picture; SQS allows 900 s at most."""

SUSPICIOUS = "suspicious"
"""Header of a copy whose original was received more than once: its picture may have ended a worker."""

RETRY_LATER = "project.retry_later"
"""Mark in the delivery info of a message that is to be replaced by a copy when it is rejected."""


class TimedConnection(AsyncHTTPSConnection):
    """An HTTP connection with time-outs: kombu's curl client ignores Request.request_timeout."""

    max_seconds = 0
    """Time-out of the whole request."""

    def getrequest(self) -> Any:
        request = super().getrequest()
        request.on_prepare = self._set_timeouts
        return request

    def _set_timeouts(self, curl: Any) -> None:
        curl.setopt(pycurl.CONNECTTIMEOUT, CONNECT_SECONDS)
        curl.setopt(pycurl.TIMEOUT, self.max_seconds)
        curl.setopt(pycurl.NOSIGNAL, 1)


class Acknowledger:
    """Deletes acknowledged messages, up to ten per call. SQS redelivers those that it fails to delete."""

    def __init__(self) -> None:
        self._batcher: Batcher[tuple[Any, str, str], None] = Batcher(
            self._delete,
            max_batch_size=MAX_MESSAGES,
            max_wait_seconds=ACK_LINGER_SECONDS,
            name="sqs-acknowledger",
            always_wait=True,  # No caller waits for the result.
        )

    def put(self, client: Any, queue_url: str, receipt_handle: str) -> None:
        self._batcher.submit((client, queue_url, receipt_handle)).add_done_callback(log_failure)

    def stop(self, timeout: float = 30) -> None:
        """Delete the pending messages, then stop."""
        self._batcher.close(timeout)

    @property
    def stopped(self) -> bool:
        return self._batcher.closed

    def _delete(self, acknowledged: list[tuple[Any, str, str]]) -> list[None]:
        by_queue: dict[tuple[Any, str], list[str]] = {}
        for client, queue_url, handle in acknowledged:
            by_queue.setdefault((client, queue_url), []).append(handle)
        for (client, queue_url), handles in by_queue.items():
            self._delete_batch(client, queue_url, handles)
        return [None] * len(acknowledged)

    def _delete_batch(self, client: Any, queue_url: str, handles: list[str]) -> None:
        entries = [{"Id": str(position), "ReceiptHandle": handle} for position, handle in enumerate(handles)]
        try:
            answer = client.delete_message_batch(QueueUrl=queue_url, Entries=entries)
        except ERRORS as error:
            log.warning("acknowledgements failed, SQS will redeliver them", count=len(handles), error=str(error))
            return
        for failure in answer.get("Failed", ()):
            log.warning("acknowledgement failed, SQS will redeliver the message", code=failure.get("Code"))


def retry_later(message: Any) -> None:
    """Have a message that is about to be rejected replaced by a copy that comes later.

    SQS counts the copy's receives from zero, so this attempt doesn't count against the picture.
    """
    message.properties["delivery_info"][RETRY_LATER] = True


def receives(message: dict[str, Any]) -> int:
    """Return how often a message has been received, as SQS sent it."""
    return int(message["Attributes"]["ApproximateReceiveCount"])


def _copy(message: dict[str, Any], **headers: Any) -> str:
    """Return the body of a copy of a received message, with more headers, or as it is if it is no task's message."""
    body: str = message["Body"]
    if receives(message) > 1:
        headers[SUSPICIOUS] = True
    try:
        task = json.loads(body)
        task["headers"].update(headers)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return body
    copy: str = dumps(task)
    return copy


class QoS(SQS.QoS):
    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Leave a message to its back-off, or replace it: see retry_later."""
        message = self._delivered.get(delivery_tag)
        if message is not None and message.properties["delivery_info"].get(RETRY_LATER) and self.channel.retry(message):
            self.ack(delivery_tag)
        else:
            super().reject(delivery_tag, requeue=requeue)

    def apply_backoff_policy(self, *args: Any, **kwargs: Any) -> None:
        """Set a rejected message's visibility timeout to its back-off; if that fails, the old one applies."""
        try:
            super().apply_backoff_policy(*args, **kwargs)
        except ERRORS as error:
            log.warning("back-off not set, the message is redelivered after its visibility timeout", error=str(error))


class Channel(SQS.Channel):
    QoS = QoS

    _receive_failed = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.open_receives = 0
        """Number of receives in progress."""
        self.may_receive: Callable[[], bool] = lambda: True
        """Called before each receive. While it returns False nothing is received."""
        self._backoff = Backoff()
        self._published: Published | None = None
        self._room_since: float | None = None
        super().__init__(*args, **kwargs)

    @contextmanager
    def collecting(self) -> Iterator[Published]:
        """Collect the messages that are published to this channel in this context, instead of sending them."""
        published: Published = []
        self._published = published
        try:
            yield published
        finally:
            self._published = None

    def send_collected(self, published: Published) -> dict[str, SendError]:
        """Send messages, up to ten per call; return the errors of those that were not sent, by task id."""
        errors: dict[str, SendError] = {}
        for queue in {queue for queue, _ in published}:
            messages = [message for its_queue, message in published if its_queue == queue]
            client, url = self.sqs(queue=self.canonical_queue_name(queue)), self._new_queue(queue)
            for message, error in zip(messages, send_all(client, url, [*map(dumps, messages)]), strict=True):
                if error is not None:
                    errors[message["headers"]["id"]] = error
        return errors

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        if self._published is None:
            super()._put(queue, message, **kwargs)
        else:
            self._published.append((queue, message))

    @property
    def held(self) -> list[dict[str, Any]]:
        """The messages in flight, as SQS sent them."""
        return [self.qos.get(handle).delivery_info["sqs_message"] for handle in self.in_flight]

    @property
    def in_flight(self) -> list[str]:
        """The receipt handles of messages that were delivered and are neither acknowledged nor rejected."""
        # Acknowledgements from other threads are only marked as dirty, until the next message is appended.
        return [handle for handle in list(self.qos._delivered) if handle not in self.qos._dirty]

    def set_visibility(self, handles: list[str], seconds: int, queue_url: str) -> None:
        """Set messages' visibility timeout, in seconds from now; 0 makes them visible at once.

        If a call fails, that is logged, and the old visibility timeout applies.
        """
        for start in range(0, len(handles), MAX_MESSAGES):
            entries = [
                {"Id": str(position), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                for position, handle in enumerate(handles[start : start + MAX_MESSAGES])
            ]
            try:
                answer = self.sqs().change_message_visibility_batch(QueueUrl=queue_url, Entries=entries)
            except ERRORS as error:
                log.warning("visibility timeout not changed", count=len(entries), seconds=seconds, error=str(error))
                continue
            if failures := answer.get("Failed"):
                codes = sorted({failure["Code"] for failure in failures})
                log.warning("visibility timeout not changed", count=len(failures), seconds=seconds, error=str(codes))

    def give_back(self, messages: Sequence[dict[str, Any]], queue_url: str) -> None:
        """Make received messages visible at once, by copies, so that this receive doesn't count against their pictures.

        A message whose copy can't be sent is made visible itself.
        """
        left = self._replace(messages, [_copy(message) for message in messages], queue_url)
        self.set_visibility([message["ReceiptHandle"] for message in left], 0, queue_url)

    def retry(self, message: Any) -> bool:
        """Replace a message by a copy that comes later and says so in its header `retries`; return whether it was sent.

        After as many retries as RETRY_SECONDS has none is sent.
        """
        delivery = message.delivery_info
        try:
            retries = message.headers["retries"] or 0
            delay = RETRY_SECONDS[retries]
        except (LookupError, TypeError):
            return False
        copy = _copy(delivery["sqs_message"], retries=retries + 1)
        return not self._replace([delivery["sqs_message"]], [copy], delivery["sqs_queue"], delay)

    def _replace(
        self, messages: Sequence[dict[str, Any]], bodies: Sequence[str], queue_url: str, delay_seconds: int = 0
    ) -> list[dict[str, Any]]:
        """Send `bodies` in place of messages, then delete these; return the messages that could not be replaced."""
        client, left = self.sqs(), []
        for message, error in zip(messages, send_all(client, queue_url, bodies, delay_seconds), strict=True):
            if error is None:
                self.connection.acknowledger.put(client, queue_url, message["ReceiptHandle"])
            else:
                log.warning("message not replaced by a copy", reason=str(error))
                left.append(message)
        return left

    def _size(self, queue: str) -> int:
        """Return 0: kombu asks when it declares a queue and ignores the result, but an error stops the worker."""
        return 0

    def _get_async(self, *args: Any, **kwargs: Any) -> Any:
        self.open_receives += 1
        return super()._get_async(*args, **kwargs)

    def _on_messages_ready(self, queue: str, qname: str, messages: Any) -> int:
        self.open_receives -= 1
        if not isinstance(messages, dict):  # kombu passes [] for 408, 5xx and refused connections
            self._receive_failed = True
            return 0
        self._backoff.reset()
        received = messages.get("Messages") or []
        if received and qname not in self.connection._callbacks:
            log.info("received while stopping, made visible again", count=len(received))
            self.give_back(received, queue)
            return 0
        return sum(self._deliver(queue, qname, message) for message in received)

    def _deliver(self, queue: str, qname: str, message: dict[str, Any]) -> int:
        """Deliver a message to its consumer; return 1, or 0 for one that can't be read, which stays on the queue."""
        try:
            received: int = super()._on_messages_ready(queue, qname, {"Messages": [message]})
        except Exception as error:  # noqa: BLE001 -- no message may stop the receives
            log.error(
                "message can't be read, left to the dead-letter queue", id=message.get("MessageId"), error=str(error)
            )
            self.qos.ack(message["ReceiptHandle"])  # Frees its place in the prefetch; nothing is sent to SQS.
            return 0
        return received

    def _message_to_python(self, message: dict[str, Any], queue_name: str, q_url: str) -> Any:
        payload = super()._message_to_python(message, queue_name, q_url)
        # Acknowledging looks up the queue by this key, and a sender may have set it to anything.
        payload["properties"]["delivery_info"]["routing_key"] = queue_name
        payload["properties"]["delivery_info"].pop(RETRY_LATER, None)
        return payload

    def _loop1(self, queue: str, messages_fetched: Any = None) -> None:
        if self._receive_failed:
            self._receive_failed = False
            seconds = self._backoff.seconds()
            log.warning("receive failed, backing off", queue=queue, seconds=round(seconds, 1))
            self.hub.call_later(seconds, self._schedule_queue, queue)
        else:
            super()._loop1(queue, messages_fetched)

    def _schedule_queue(self, queue: str) -> None:
        if queue in self._active_queues and not (self._has_room() and self.may_receive()):
            self.hub.call_later(CHECK_SECONDS, self._schedule_queue, queue)
            return
        self._room_since = None
        super()._schedule_queue(queue)

    def _has_room(self) -> bool:
        """Return whether to receive now: for ten messages, or for fewer if half are free or after a wait."""
        free = self.qos.can_consume_max_estimate()
        if free is None or free >= min(MAX_MESSAGES, self.qos.prefetch_count / 2):
            return True
        if free == 0:
            return False
        self._room_since = self._room_since or time.monotonic()
        return time.monotonic() >= self._room_since + RECEIVE_LINGER_SECONDS

    def asynsqs(self, queue: str | None = None) -> Any:
        connection = super().asynsqs(queue)
        if getattr(connection, "is_patched", False):
            return connection
        connection.is_patched = True
        kombu_on_list_ready = connection._on_list_ready

        def timed_connection() -> TimedConnection:
            timed = TimedConnection(http_client=connection._httpclient)
            timed.max_seconds = self.wait_time_seconds + RECEIVE_SLACK_SECONDS
            return timed

        def on_list_ready(parent: Any, markers: Any, operation: str, response: Any) -> Any:
            if 400 <= response.status < 500:
                body = bytes(response.read()).decode(errors="replace")
                reason = reason_in(body) or body
                log.error("SQS refused a request", operation=operation, status=response.status, reason=reason)
                return []
            return kombu_on_list_ready(parent, markers, operation, response)

        connection.get_http_connection = timed_connection
        connection._on_list_ready = on_list_ready
        return connection

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        try:
            delivery = self.qos.get(delivery_tag).delivery_info
            handle, queue_url = delivery["sqs_message"]["ReceiptHandle"], delivery["sqs_queue"]
        except KeyError:
            super().basic_ack(delivery_tag, multiple)
            return
        # A message that is not Celery's has no routing key.
        queue = self.canonical_queue_name(delivery["routing_key"]) if "routing_key" in delivery else None
        client = self.sqs(queue=queue)
        self.connection.acknowledger.put(client, queue_url, handle)
        virtual.Channel.basic_ack(self, delivery_tag, multiple)


class Transport(SQS.Transport):
    Channel = Channel

    # On these errors Celery reconnects instead of stopping the worker. kombu's list lacks AWS's own errors.
    connection_errors = (*SQS.Transport.connection_errors, *ERRORS)

    _acknowledger: Acknowledger | None = None

    @property
    def acknowledger(self) -> Acknowledger:
        if self._acknowledger is None or self._acknowledger.stopped:
            self._acknowledger = Acknowledger()
        return self._acknowledger

    def close_connection(self, connection: Any) -> None:
        super().close_connection(connection)
        if self._acknowledger is not None:
            self._acknowledger.stop()


kombu.transport.TRANSPORT_ALIASES["sqsbatch"] = "project.broker.transport:Transport"
