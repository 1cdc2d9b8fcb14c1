"""kombu's SQS transport, mended where one hiccup ended or froze a worker, with acknowledgements in batches.

Registered as `sqsbatch://`. What stock kombu 5.7.0 does and what is mended here:

- a 5xx or a refused connection on ReceiveMessage raised AttributeError and stopped the worker,
- a 4xx there (throttling, a role that changes) stopped the worker,
- no time-out was set on a receive, so one lost TCP connection stopped polling for good,
- a message that kombu or Celery can't read (deeply nested, null for a field) stopped the worker,
- each acknowledgement was a blocking DeleteMessage in the way of everything else.
"""

import queue
import threading
import time
from typing import Any

import kombu.transport
import pycurl
import structlog
from botocore.exceptions import BotoCoreError, ClientError
from kombu.asynchronous.aws.connection import AsyncHTTPSConnection
from kombu.transport import SQS, virtual

log = structlog.get_logger()

MAX_BATCH = 10  # DeleteMessageBatch takes at most 10 entries.
ACK_LINGER_SECONDS = 0.05
RETRY_SECONDS = 2.0  # between receives while SQS refuses them
FULL_SECONDS = 0.02  # between looks for a free place while all are taken
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


class Acknowledger(threading.Thread):
    """Deletes acknowledged messages, up to ten a call. What it fails to delete is delivered again."""

    def __init__(self) -> None:
        super().__init__(name="sqs-acknowledger", daemon=True)
        self._handles: queue.SimpleQueue[tuple[Any, str, str] | None] = queue.SimpleQueue()
        self.start()

    def put(self, client: Any, queue_url: str, receipt_handle: str) -> None:
        self._handles.put((client, queue_url, receipt_handle))

    def stop(self, timeout: float = 30) -> None:
        """Delete what is still waiting, then end."""
        self._handles.put(None)
        self.join(timeout)

    def run(self) -> None:
        running = True
        while running:
            batch = self._take()
            running = None not in batch
            by_queue: dict[tuple[Any, str], list[str]] = {}
            for client, queue_url, handle in filter(None, batch):
                by_queue.setdefault((client, queue_url), []).append(handle)
            for (client, queue_url), handles in by_queue.items():
                self._delete_batch(client, queue_url, handles)

    def _take(self) -> list[tuple[Any, str, str] | None]:
        batch = [self._handles.get()]
        deadline = time.monotonic() + ACK_LINGER_SECONDS
        while len(batch) < MAX_BATCH and batch[-1] is not None:
            try:
                batch.append(self._handles.get(timeout=max(0, deadline - time.monotonic())))
            except queue.Empty:
                break
        return batch

    def _delete_batch(self, client: Any, queue_url: str, handles: list[str]) -> None:
        entries = [{"Id": str(position), "ReceiptHandle": handle} for position, handle in enumerate(handles)]
        try:
            answer = client.delete_message_batch(QueueUrl=queue_url, Entries=entries)
        except (ClientError, BotoCoreError) as error:
            log.warning("acknowledgements failed, the messages come again", count=len(handles), error=str(error))
            return
        for failure in answer.get("Failed", ()):
            log.warning("acknowledgement failed, the message comes again", code=failure.get("Code"))


class Channel(SQS.Channel):
    _receive_failed = False

    def _on_messages_ready(self, queue: str, qname: str, messages: Any) -> int:
        if not isinstance(messages, dict):  # kombu makes [] of 408, 5xx and refused connections
            self._receive_failed = True
            return 0
        return sum(self._hand_over(queue, qname, message) for message in messages.get("Messages") or ())

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
            log.warning("receive failed, trying again", queue=queue, seconds=RETRY_SECONDS)
            self.hub.call_later(RETRY_SECONDS, self._schedule_queue, queue)
        elif not self.qos.can_consume():
            self.hub.call_later(FULL_SECONDS, self._schedule_queue, queue)
        else:
            super()._loop1(queue, messages_fetched)

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
                log.error("SQS refused a request", operation=operation, status=response.status, body=response.read())
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

    _acknowledger: Acknowledger | None = None

    @property
    def acknowledger(self) -> Acknowledger:
        if self._acknowledger is None or not self._acknowledger.is_alive():
            self._acknowledger = Acknowledger()
        return self._acknowledger

    def close_connection(self, connection: Any) -> None:
        super().close_connection(connection)
        if self._acknowledger is not None:
            self._acknowledger.stop()


kombu.transport.TRANSPORT_ALIASES["sqsbatch"] = "project.transport:Transport"
