"""kombu's SQS transport, mended where one hiccup ended or froze a worker, with acknowledgements in batches.

Registered as `sqsbatch://`. What stock kombu 5.7.0 does and what is mended here:

- a 5xx or a refused connection on ReceiveMessage raised AttributeError and stopped the worker,
- a 4xx there (throttling, a role that changes) stopped the worker,
- no time-out was set on a receive, so one lost TCP connection stopped polling for good,
- each acknowledgement was a blocking DeleteMessage in the way of everything else,
- a refusal by AWS of any other call, such as setting a message's visibility, stopped the worker,
- what came after the consumer was cancelled was given back one by one, through a client made for it,
- a message that kombu or Celery can't read (deeply nested, null for a field) stopped the worker,
- each message that is published was a call of its own, and so was the receive for each place that became free.
"""

import time
from collections.abc import Callable, Iterator
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
"""Messages, each with the name of its queue."""

ACK_LINGER_SECONDS = 0.05
LOOK_SECONDS = 0.02  # between looks for free places while there are too few, or while nothing may be received
RECEIVE_LINGER_SECONDS = 0.5  # for more free places, while half of them or more are taken
CONNECT_SECONDS = 5
RECEIVE_SLACK_SECONDS = 10  # on top of the long poll


class TimedConnection(AsyncHTTPSConnection):
    """An HTTP connection whose requests end: kombu's curl client ignores Request.request_timeout."""

    max_seconds = 0

    def getrequest(self) -> Any:
        request = super().getrequest()
        request.on_prepare = self._bound
        return request

    def _bound(self, curl: Any) -> None:
        curl.setopt(pycurl.CONNECTTIMEOUT, CONNECT_SECONDS)
        curl.setopt(pycurl.TIMEOUT, self.max_seconds)
        curl.setopt(pycurl.NOSIGNAL, 1)


class Acknowledger:
    """Deletes acknowledged messages, up to ten a call. What it fails to delete is delivered again."""

    def __init__(self) -> None:
        self._batcher: Batcher[tuple[Any, str, str], None] = Batcher(
            self._delete,
            max_batch_size=MAX_MESSAGES,
            max_wait_seconds=ACK_LINGER_SECONDS,
            name="sqs-acknowledger",
            always_wait=True,  # Nobody waits for a deletion.
        )

    def put(self, client: Any, queue_url: str, receipt_handle: str) -> None:
        self._batcher.submit((client, queue_url, receipt_handle)).add_done_callback(log_failure)

    def stop(self, timeout: float = 30) -> None:
        """Delete what is still waiting, then end."""
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
            log.warning("acknowledgements failed, the messages come again", count=len(handles), error=str(error))
            return
        for failure in answer.get("Failed", ()):
            log.warning("acknowledgement failed, the message comes again", code=failure.get("Code"))


class QoS(SQS.QoS):
    def apply_backoff_policy(self, *args: Any, **kwargs: Any) -> None:
        """Hide a rejected message for its back-off; where SQS refuses that it comes after the visibility timeout."""
        try:
            super().apply_backoff_policy(*args, **kwargs)
        except ERRORS as error:
            log.warning("back-off not set, the message comes after the visibility timeout", error=str(error))


class Channel(SQS.Channel):
    QoS = QoS

    _receive_failed = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.open_receives = 0
        """Receives whose answer, and whatever messages it brings, is still to come."""
        self.may_receive: Callable[[], bool] = lambda: True
        """Asked before each receive; while it says no there is none."""
        self._backoff = Backoff()
        self._published: Published | None = None
        self._room_since: float | None = None
        super().__init__(*args, **kwargs)

    @contextmanager
    def collecting(self) -> Iterator[Published]:
        """Collect what is published to this channel in this context, instead of sending it."""
        published: Published = []
        self._published = published
        try:
            yield published
        finally:
            self._published = None

    def send_collected(self, published: Published) -> dict[str, SendError]:
        """Send messages, up to ten a call; return the errors of those that were not sent, by the ids of their tasks."""
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
    def held(self) -> list[str]:
        """The receipt handles of messages that are delivered and neither acknowledged nor rejected."""
        # Acknowledgements from other threads are only marked, until the next message is appended.
        return [handle for handle in list(self.qos._delivered) if handle not in self.qos._dirty]

    def set_visibility(self, handles: list[str], seconds: int, queue_url: str) -> None:
        """Hide messages for that many seconds from now on; 0 gives them back at once. Where that fails they wait."""
        for start in range(0, len(handles), MAX_MESSAGES):
            entries = [
                {"Id": str(position), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                for position, handle in enumerate(handles[start : start + MAX_MESSAGES])
            ]
            try:
                self.sqs().change_message_visibility_batch(QueueUrl=queue_url, Entries=entries)
            except ERRORS as error:
                log.warning("visibility not changed", count=len(entries), seconds=seconds, error=str(error))

    def _size(self, queue: str) -> int:
        """Return no length: declaring a queue asks for it, nobody reads it, and a refusal ended the worker."""
        return 0

    def _get_async(self, *args: Any, **kwargs: Any) -> Any:
        self.open_receives += 1
        return super()._get_async(*args, **kwargs)

    def _on_messages_ready(self, queue: str, qname: str, messages: Any) -> int:
        self.open_receives -= 1
        if not isinstance(messages, dict):  # kombu makes [] of 408, 5xx and refused connections
            self._receive_failed = True
            return 0
        self._backoff.reset()
        received = messages.get("Messages") or []
        if received and qname not in self.connection._callbacks:
            log.info("received while stopping, given back", count=len(received))
            self.set_visibility([message["ReceiptHandle"] for message in received], 0, queue)
            return 0
        return sum(self._hand_over(queue, qname, message) for message in received)

    def _hand_over(self, queue: str, qname: str, message: dict[str, Any]) -> int:
        """Give a message to its consumer; return 1, or 0 for one that can't be read, which is left lying."""
        try:
            received: int = super()._on_messages_ready(queue, qname, {"Messages": [message]})
        except Exception as error:  # noqa: BLE001 -- whatever is wrong with a message, the next must be received
            log.error(
                "message can't be read, left to the dead-letter queue", id=message.get("MessageId"), error=str(error)
            )
            self.qos.ack(message["ReceiptHandle"])  # Frees its place here; SQS hears nothing of it.
            return 0
        return received

    def _message_to_python(self, message: dict[str, Any], queue_name: str, q_url: str) -> Any:
        payload = super()._message_to_python(message, queue_name, q_url)
        # Acknowledging looks the queue up by this, which a sender may have made anything.
        payload["properties"]["delivery_info"]["routing_key"] = queue_name
        return payload

    def _loop1(self, queue: str, messages_fetched: Any = None) -> None:
        if self._receive_failed:
            self._receive_failed = False
            seconds = self._backoff.seconds()
            log.warning("receive failed, trying again", queue=queue, seconds=round(seconds, 1))
            self.hub.call_later(seconds, self._schedule_queue, queue)
        else:
            super()._loop1(queue, messages_fetched)

    def _schedule_queue(self, queue: str) -> None:
        if queue in self._active_queues and not (self._has_room() and self.may_receive()):
            self.hub.call_later(LOOK_SECONDS, self._schedule_queue, queue)
            return
        self._room_since = None
        super()._schedule_queue(queue)

    def _has_room(self) -> bool:
        """Tell whether a receive is worth its price: for ten messages, or for fewer while there is little to do."""
        free = self.qos.can_consume_max_estimate()
        if free is None or free >= min(MAX_MESSAGES, self.qos.prefetch_count / 2):
            return True
        if free == 0:
            return False
        self._room_since = self._room_since or time.monotonic()
        return time.monotonic() >= self._room_since + RECEIVE_LINGER_SECONDS

    def asynsqs(self, queue: str | None = None) -> Any:
        connection = super().asynsqs(queue)
        if getattr(connection, "is_mended", False):
            return connection
        connection.is_mended = True
        strict = connection._on_list_ready

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
            return strict(parent, markers, operation, response)

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

    # What Celery answers by connecting again, and not by ending the worker: kombu leaves out AWS's own refusals.
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
