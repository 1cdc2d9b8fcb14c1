"""The pages that list rows, and a row's own pages, in tables that `fill` has filled."""

from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from benchmarks.lists.rows import FEW, MANY, STAFF
from classify_app.models import Classification, DeadLetter


@dataclass(frozen=True)
class Page:
    """What is asked for, by whom, and the address."""

    name: str
    user: str
    address: str


def pages() -> list[Page]:
    """Return all pages. What they look for is frequent, or rare and old, or nowhere: the three cases of an index."""
    return [*_classifications(), *_dead_letters(), *_history(), *_api()]


def _classifications() -> list[Page]:
    path = reverse("admin:classify_app_classification_changelist")
    old = _oldest_but(200)
    day = Classification.objects.earliest("id").created_at.date()
    queries = {
        "newest": {},
        "last page": {"p": f"older-{_oldest_but(40)}"},
        "newer": {"p": f"newer-{old}"},
        "state done": {"state__exact": "done"},
        "state failed, all old": {"state__exact": "failed"},
        "state failed, second page": {"state__exact": "failed", "p": f"older-{old}"},
        "frequent label": {"label": "label 0"},
        "old label": {"label": "label 1000"},
        "unknown label": {"label": "nothing"},
        "frequent model": {"model": "resnet50"},
        "old model": {"model": "efficientnet-lite0"},
        "owner of many": {"owner": MANY},
        "owner of few, all old": {"owner": FEW},
        "first day": {"until": day.isoformat()},
        "search for an id": {"q": old},
        "search for a frequent name": {"q": "image"},
        "search for old names": {"q": "scan"},
        "search for a label": {"q": "label 1000"},
        "search for nothing": {"q": "nothing"},
    }
    own = reverse("admin:classify_app_classification_change", args=[old])
    return [*_of_staff("admin", path, queries), Page("admin: a classification", STAFF, own)]


def _dead_letters() -> list[Page]:
    path = reverse("admin:classify_app_deadletter_changelist")
    letter = DeadLetter.objects.order_by("id")[40]
    queries = {
        "newest": {},
        "last page": {"p": f"older-{letter.pk}"},
        "waiting": {"state__exact": "waiting"},
        "discarded, none": {"state__exact": "discarded"},
        "of responses, none": {"queue__exact": "responses"},
        "search for an id": {"q": letter.message_id},
        "search for a name": {"q": "scan"},
        "search for a name of no letter": {"q": "image"},
        "search for nothing": {"q": "nothing"},
    }
    own = reverse("admin:classify_app_deadletter_change", args=[letter.pk])
    return [*_of_staff("dead letters", path, queries), Page("dead letters: a letter", STAFF, own)]


def _history() -> list[Page]:
    path, old = reverse("history"), f"?page=older-{_oldest_but(100)}"
    return [
        Page(f"history of {user}: {name}", user, path + query)
        for user, name, query in (
            (STAFF, "newest", ""),
            (STAFF, "last page", old),
            (MANY, "newest", ""),
            (MANY, "last page", old),
            (FEW, "newest", ""),
        )
    ]


def _api() -> list[Page]:
    path = "/api/v1/classifications"
    last, newer = (_cursor({"p": _oldest_but(100), **direction}) for direction in ({}, {"r": "1", "o": "1"}))
    return [
        Page("API: newest of all", STAFF, path),
        Page("API: last page of all", STAFF, path + last),
        Page("API: newer of all", STAFF, path + newer),
        Page("API: last page of many", MANY, path + last),
        Page("API: newest of few", FEW, path),
    ]


def _cursor(position: dict[str, str]) -> str:
    """Return the query of another page, as the API's answers contain it."""
    return "?" + urlencode({"cursor": b64encode(urlencode(position).encode()).decode()})


def _of_staff(title: str, path: str, queries: dict[str, dict[str, str]]) -> list[Page]:
    return [Page(f"{title}: {name}", STAFF, f"{path}?{urlencode(query)}") for name, query in queries.items()]


def _oldest_but(count: int) -> str:
    """Return the id of the row that has `count` older ones."""
    return str(Classification.objects.order_by("id")[count].pk)
