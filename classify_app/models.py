"""The tables: classifications, dead letters and API tokens."""

from datetime import datetime
from uuid import UUID

import uuid_utils.compat
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.urls import reverse
from django.utils import timezone

from project import contract


class State(models.TextChoices):
    QUEUED = "queued"
    DONE = contract.DONE
    FAILED = contract.FAILED


DEAD_LETTER = "dead_letter"
"""The error code of a classification whose message was dead-lettered."""

AWAITS_RESULT = models.Q(state=State.QUEUED) | models.Q(state=State.FAILED, error_code=DEAD_LETTER)
"""Rows that accept a result. A message may be dead-lettered while a worker still processes it; the result then
replaces the failure."""


def new_id() -> UUID:
    """Return a UUIDv7: rows and keys sort by time."""
    return uuid_utils.compat.uuid7()


def id_at(moment: datetime) -> UUID:
    """Return an id between those of the rows made before a moment and those made from then on, to the millisecond.

    Raises ValueError for a moment before 1970.
    """
    return UUID(int=int(moment.timestamp() * 1000) << 80)


class Classification(models.Model):
    """A picture and its result: queued, then done or failed.

    A finished row never changes, except that a result may replace a `dead_letter` failure: see AWAITS_RESULT.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        help_text="Who sent it; nobody where it came without a token.",
    )
    upload_id = models.UUIDField(
        "upload", null=True, blank=True, db_index=True, help_text="One form's pictures share it."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    file_name = models.CharField(max_length=255)
    input_key = models.CharField(max_length=255)
    format = models.CharField(max_length=10)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField()
    label = models.CharField(max_length=100, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    model = models.CharField(max_length=50, blank=True)
    weights = models.CharField(max_length=200, blank=True)
    fallback = models.BooleanField(default=False, help_text="Made by the fallback model, not the configured one.")
    error_code = models.CharField(max_length=50, blank=True)
    error = models.TextField(blank=True)
    record = models.JSONField(null=True, blank=True, help_text="The record as stored, without its thumbnail.")
    thumbnail = models.BinaryField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True, blank=True, help_text="When its message was sent.")
    finished_at = models.DateTimeField(null=True, blank=True)
    rerun_of = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="reruns")

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("state", "id"), name="classification_state"),
            models.Index(fields=("owner", "id"), name="classification_owner"),
            models.Index(fields=("label", "id"), name="classification_label"),
            models.Index(fields=("model", "id"), name="classification_model"),
            # For beginnings of names, whatever the database's collation. With the id a search reads the index alone.
            models.Index(
                fields=("file_name", "-id"),
                name="classification_file_name",
                opclasses=("varchar_pattern_ops", "uuid_ops"),
            ),
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
    """Return all classifications without their thumbnails, which take kilobytes each."""
    return Classification.objects.defer("thumbnail")


def visible_to(user: User | AnonymousUser) -> models.QuerySet[Classification]:
    """Return the classifications that a user may see, without thumbnails.

    Staff see all, other users their own, and anonymous users none.
    """
    if user.is_anonymous:
        return Classification.objects.none()
    return without_thumbnails() if user.is_staff else without_thumbnails().filter(owner=user)


class ApiToken(models.Model):
    """A token by which a program authenticates. Only its digest is stored, never the token itself."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, help_text="What it is for.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    beginning = models.CharField(max_length=8, editable=False, help_text="To tell it from others.")
    may_read = models.BooleanField(default=False)
    may_write = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the hour.")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.beginning}…)"

    @property
    def scopes(self) -> list[str]:
        return [scope for scope, has in (("read", self.may_read), ("write", self.may_write)) if has]

    @property
    def state(self) -> str:
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= timezone.now() else "valid"


class DeadLetter(models.Model):
    """A message that was received too often, moved here from its dead-letter queue."""

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
    redrive_at = models.DateTimeField(
        null=True, blank=True, help_text="When the sweeper redrives it, while it waits; empty: a person has to."
    )
    handled_at = models.DateTimeField(null=True, blank=True, help_text="When it was redriven or discarded.")
    handled_by = models.CharField(max_length=150, blank=True, help_text="Who did that.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("queue", "message_id"), name="dead_letter_once"),)
        indexes = (
            models.Index(fields=("state", "id"), name="dead_letter_state"),
            models.Index(fields=("last_seen",), name="dead_letter_last_seen"),
            models.Index(
                fields=("redrive_at",),
                name="dead_letter_redrive",
                condition=models.Q(state="waiting", redrive_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"dead letter {self.pk} of the {self.queue}"


TO_REDRIVE = models.Q(state=DeadLetter.State.WAITING, redrive_at__isnull=False)
"""Dead letters that the sweeper redrives when their time has come."""
