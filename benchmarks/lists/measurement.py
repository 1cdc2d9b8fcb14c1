"""How long each page takes, asked for by a client within this process."""

import time
from collections.abc import Mapping

from django.contrib.auth.models import User
from django.test import Client

from benchmarks.figures import spread
from benchmarks.lists.pages import Page, pages

ROUNDS = 5


def measured() -> list[Mapping[str, str | float]]:
    """Return a row of the table for each page. Its times are the site's: middleware, queries and templates."""
    asked = pages()
    clients = {user: _logged_in(user) for user in {page.user for page in asked}}
    rounds = [[_milliseconds(clients[page.user], page) for page in asked] for _ in range(1 + ROUNDS)]
    del rounds[0]  # It loads templates and the like.
    return [
        {"page": page.name, **spread("ms", times)} for page, times in zip(asked, zip(*rounds, strict=True), strict=True)
    ]


def _logged_in(name: str) -> Client:
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(User.objects.get(username=name))
    return client


def _milliseconds(client: Client, page: Page) -> float:
    began = time.perf_counter()
    response = client.get(page.address)
    elapsed = time.perf_counter() - began
    assert response.status_code == 200, f"{page.address} answered {response.status_code}"
    return 1000 * elapsed
