"""Two tables: each picture that was accepted, with what became of it; and the messages that died."""

from uuid import UUID

import uuid_utils.compat
from django.db import models
from django.urls import reverse
from django.utils import timezone

from project import contract


class State(models.TextChoices):
    QUEUED = "queued"
    DONE = contract.DONE
    FAILED = contract.FAILED


DEAD_LETTER = "dead_letter"
"""The error code of a classification whose message died."""

AWAITS_RESULT = models.Q(state=State.QUEUED) | models.Q(state=State.FAILED, error_code=DEAD_LETTER)
"""What a result is written to: a message may die while a worker still has it, and then its result wins."""


def new_id() -> UUID:
    """Return a UUIDv7: rows and keys sort by time."""
    return uuid_utils.compat.uuid7()


class Classification(models.Model):
    """A picture from its acceptance to its result: queued, then done or failed, once and for good.

    But for one failure: AWAITS_RESULT.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    upload_id = models.UUIDField(
        "upload", null=True, blank=True, db_index=True, help_text="One form's pictures share it."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    file_name = models.CharField(max_length=255, db_index=True)
    input_key = models.CharField(max_length=255)
    format = models.CharField(max_length=10)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField()
    label = models.CharField(max_length=100, blank=True, db_index=True)
    confidence = models.FloatField(null=True, blank=True)
    model = models.CharField(max_length=50, blank=True)
    weights = models.CharField(max_length=200, blank=True)
    fallback = models.BooleanField(default=False, help_text="Made by the fallback model, not the configured one.")
    error_code = models.CharField(max_length=50, blank=True)
    error = models.TextField(blank=True)
    record = models.JSONField(null=True, blank=True, help_text="The record as stored, without its thumbnail.")
    thumbnail = models.BinaryField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    submitted_at = models.DateTimeField(null=True, blank=True, help_text="When its message was sent.")
    finished_at = models.DateTimeField(null=True, blank=True)
    rerun_of = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="reruns")

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("state", "id"), name="classification_state"),
            models.Index(
                fields=("created_at",),
                name="classification_unsent",
                condition=models.Q(state="queued", submitted_at=None),
            ),
        )

    def __str__(self) -> str:
        return f"{self.file_name} ({self.id})"

    def get_absolute_url(self) -> str:
        return reverse("classification", args=[self.id])

    @property
    def finished(self) -> bool:
        return self.state != State.QUEUED

    @property
    def top5(self) -> list[dict[str, object]]:
        return self.record["top5"] if self.record else []

    @property
    def file_stem(self) -> str:
        return contract.file_stem(self.file_name)


def without_thumbnails() -> models.QuerySet[Classification]:
    """Return all classifications, each without the kilobytes of its thumbnail."""
    return Classification.objects.defer("thumbnail")


class DeadLetter(models.Model):
    """A message that was received too often, as its dead-letter queue handed it over."""

    class Queue(models.TextChoices):
        REQUESTS = "requests"
        RESPONSES = "responses"

    class State(models.TextChoices):
        WAITING = "waiting"
        REDRIVEN = "redriven"
        DISCARDED = "discarded"

    queue = models.CharField(max_length=10, choices=Queue.choices)
    message_id = models.CharField(max_length=100, help_text="SQS's id of the message.")
    body = models.TextField()
    cause = models.TextField()
    receives = models.PositiveIntegerField(help_text="How often it was received, this consumer's receive included.")
    first_seen = models.DateTimeField(default=timezone.now)
    last_seen = models.DateTimeField(default=timezone.now)
    classification = models.ForeignKey(
        Classification, models.SET_NULL, null=True, blank=True, related_name="dead_letters"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    handled_at = models.DateTimeField(null=True, blank=True, help_text="When it was redriven or discarded.")
    handled_by = models.CharField(max_length=150, blank=True, help_text="Who did that.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("queue", "message_id"), name="dead_letter_once"),)
        indexes = (models.Index(fields=("state", "last_seen"), name="dead_letter_state"),)

    def __str__(self) -> str:
        return f"dead letter {self.pk} of the {self.queue}"
