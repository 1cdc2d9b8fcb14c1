"""One table: each picture that was accepted, and what became of it."""

from uuid import UUID

import uuid_utils.compat
from django.db import models
from django.urls import reverse

from project import contract


class State(models.TextChoices):
    QUEUED = "queued"
    DONE = contract.DONE
    FAILED = contract.FAILED


def new_id() -> UUID:
    """Return a UUIDv7: rows and keys sort by time."""
    return uuid_utils.compat.uuid7()


class Classification(models.Model):
    """A picture from its acceptance to its result: queued, then done or failed, once and for good."""

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
