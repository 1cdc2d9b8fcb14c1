"""The admin of dead letters: users with permission find, view, redrive and discard them."""

import re

import httpx
import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from classify_app.admin.read_only import ACTED_AT_ONCE
from classify_app.models import Classification, DeadLetter, State
from classify_app.repair.redrive import discard, redrive
from classify_app.results.completion import complete
from project.aws import storage
from tests.configuration import configured
from tests.letters import REQUESTS, RESPONSES, dead, dead_request
from tests.records import PICTURE, done, requests, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("aws"), pytest.mark.postgresql]

LIST = reverse("admin:classify_app_deadletter_changelist")


def address(letter):
    return reverse("admin:classify_app_deadletter_change", args=[letter.pk])


def act(client, action, *letters, **fields):
    chosen = {"action": action, "_selected_action": [letter.pk for letter in letters], "index": "0", **fields}
    answer = client.post(LIST, chosen, follow=True)
    assert answer.status_code == 200
    return answer.text


def press(client, page, text):
    """Press the button with this text, as a browser does: send its form's hidden fields, and itself."""
    form = next(one for one in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if f">{text}</button>" in one)
    button = re.search(rf'<button [^>]*name="(\w+)" value="(\w+)">{re.escape(text)}</button>', form)
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
    target = re.search(r'<form[^>]* action="([^"]*)"', form)
    data = {name: [value for other, value in fields if other == name] for name, _ in fields}
    return client.post(target[1] if target else page.request["PATH_INFO"], {**data, button[1]: button[2]}, follow=True)


def states():
    return list(DeadLetter.objects.order_by("id").values_list("state", flat=True))


def test_without_letters_the_list_says_so(admin_client):
    page = admin_client.get(LIST).text
    assert "There are no dead letters" in page
    assert "Redrive all" not in page


def test_the_list_shows_each_letter_with_its_cause(admin_client):
    letter = dead_request(lambda: row(file_name="my cat.png"))
    page = admin_client.get(LIST).text
    for part in ("my cat.png", "Requests", escape(letter.cause), "Waiting", "Queued", address(letter)):
        assert part in page


def test_the_list_shows_thumbnails(admin_client):
    letter = dead_request()
    complete(done(letter.classification))
    assert reverse("thumbnail", args=[letter.classification_id]) in admin_client.get(LIST).text


def test_without_a_thumbnail_there_is_a_link_to_the_picture(admin_client):
    letter = dead_request()
    storage.put_picture(letter.classification.input_key, PICTURE, "image/png", "cat.png")
    for shown in (admin_client.get(LIST).text, admin_client.get(address(letter)).text):
        [link] = re.findall(r'<a href="([^"]*)">stored picture</a>', shown)
        assert httpx.get(admin_client.get(link)["Location"]).content == PICTURE


def test_the_newest_letters_are_listed_first(admin_client):
    letters = [dead_request(), dead_request(), dead_request()]
    redrive(letters[0], "ada")
    page = admin_client.get(LIST).text
    assert sorted(letters, key=lambda one: page.index(address(one))) == letters[::-1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=waiting", True),
        ("state=discarded", False),
        ("queue=responses", False),
        ("q=cat", True),
        ("q=dog", False),
    ],
)
def test_the_list_is_filtered_and_searched(admin_client, query, found):
    dead_request()
    assert ("cat.png" in admin_client.get(f"{LIST}?{query}").text) is found


@pytest.mark.parametrize("named", ["classification_id", "message_id"])
def test_the_search_finds_the_ids_of_classifications_and_messages(admin_client, named):
    letter, other = dead_request(), dead_request()
    page = admin_client.get(LIST, {"q": f" {getattr(letter, named)} "}).text
    assert address(letter) in page
    assert address(other) not in page


def test_the_page_shows_the_message_indented(admin_client):
    page = admin_client.get(address(dead(RESPONSES, '{"id":"<b>", "version": "\\ud800"}'))).text
    assert escape('{\n  "id": "<b>",\n  "version": "\\ud800"\n}') in page


@pytest.mark.parametrize("body", ["<script>alert(1)</script>", "[" * 100_000], ids=["no JSON", "nested without end"])
def test_the_page_shows_a_message_that_is_not_json_unchanged(admin_client, body):
    assert escape(body) in admin_client.get(address(dead(REQUESTS, body))).text


def test_selected_letters_are_redriven_and_it_is_logged(admin_client, admin_user):
    first, second, other = dead_request(), dead_request(), dead_request()
    assert "2 redriven." in act(admin_client, "redrive", first, second)
    assert states() == ["redriven", "redriven", "waiting"]
    assert {request["id"] for request in requests()} == {str(one.classification_id) for one in (first, second)}
    first.refresh_from_db()
    assert first.handled_by == admin_user.get_username()
    assert [entry.get_change_message() for entry in LogEntry.objects.all()] == ["Redriven."] * 2
    assert other.classification.state == State.QUEUED


def test_a_letter_that_cannot_be_redriven_is_reported_with_the_reason(admin_client):
    page = act(admin_client, "redrive", dead(REQUESTS, "nonsense"), dead(REQUESTS, "more"), dead_request())
    assert "1 redriven." in page
    assert "2 not redriven: It belongs to no classification" in page
    assert LogEntry.objects.count() == 1


def test_one_button_redrives_all_waiting_letters(admin_client):
    dead_request(), dead(RESPONSES, "nonsense")
    discard(dead_request(), "ada")
    page = press(admin_client, admin_client.get(LIST), "Redrive all waiting (2)")
    assert "2 redriven." in page.text
    assert states() == ["redriven", "redriven", "discarded"]


def test_a_letters_page_redrives_it(admin_client):
    letter, _ = dead_request(), dead_request()
    assert "1 redriven." in press(admin_client, admin_client.get(address(letter)), "Redrive").text
    assert states() == ["redriven", "waiting"]


def test_discarding_asks_first(admin_client):
    letter, _ = dead_request(), dead_request()
    question = press(admin_client, admin_client.get(address(letter)), "Discard")
    assert "Discard 1 dead letter?" in question.text
    assert "cat.png" in question.text
    assert states() == ["waiting", "waiting"]
    assert "1 discarded." in press(admin_client, question, "Discard them").text
    assert states() == ["discarded", "waiting"]
    assert LogEntry.objects.get().get_change_message() == "Discarded."
    assert list(Classification.objects.order_by("id").values_list("state", flat=True)) == [State.FAILED, State.QUEUED]


@pytest.fixture
def more_than_an_action_takes(db):
    numbers = range(ACTED_AT_ONCE + 2)
    letters = (DeadLetter(queue=RESPONSES, message_id=str(number), body="{}", receives=6) for number in numbers)
    DeadLetter.objects.bulk_create(letters)


def test_a_confirmation_takes_as_many_as_one_action(admin_client, more_than_an_action_takes):
    everything = {"action": "discard", "_selected_action": "all", "select_across": "1", "index": 0}
    question = admin_client.post(LIST, everything)
    assert f"These are the newest {ACTED_AT_ONCE}" in question.text
    assert f"{ACTED_AT_ONCE} discarded." in press(admin_client, question, "Discard them").text
    assert states() == ["waiting"] * 2 + ["discarded"] * ACTED_AT_ONCE


def test_one_button_redrives_as_many_as_one_action_takes(admin_client, more_than_an_action_takes):
    page = press(admin_client, admin_client.get(LIST), f"Redrive the newest {ACTED_AT_ONCE} that wait").text
    assert f"{ACTED_AT_ONCE} redriven." in page
    assert f"One action takes {ACTED_AT_ONCE} rows; the others were left." in page
    assert states() == ["waiting"] * 2 + ["redriven"] * ACTED_AT_ONCE


def test_letters_that_cannot_be_redriven_keep_no_others_from_it(admin_client, more_than_an_action_takes):
    DeadLetter.objects.bulk_create(
        DeadLetter(queue=REQUESTS, message_id=f"foreign {number}", body="{}", receives=6)
        for number in range(ACTED_AT_ONCE)
    )
    page = press(admin_client, admin_client.get(LIST), f"Redrive the newest {ACTED_AT_ONCE} that wait").text
    assert f"{ACTED_AT_ONCE} redriven." in page
    assert states() == ["waiting"] * 2 + ["redriven"] * ACTED_AT_ONCE + ["waiting"] * ACTED_AT_ONCE


def test_an_action_ends_once_something_is_unavailable(admin_client, more_than_an_action_takes):
    with configured(RESPONSE_QUEUE_URL="http://127.0.0.1:1/none"):
        page = act(admin_client, "redrive", *DeadLetter.objects.all()[:3])
    assert "1 not redriven: The response queue is unavailable" in page
    assert "The others were left, since they would fail too." in page
    assert set(states()) == {"waiting"}


def test_a_handled_letter_offers_no_action(admin_client):
    letter = dead_request()
    discard(letter, "ada")
    page = admin_client.get(address(letter)).text
    assert 'name="action"' not in page


@pytest.mark.parametrize("action", ["redrive", "discard"])
def test_view_permission_allows_no_action(client, viewer, action):
    client.force_login(viewer)
    letter = dead_request()
    assert "cat.png" in act(client, action, letter, confirmed="yes")
    assert states() == ["waiting"]
    for page in (client.get(LIST).text, client.get(address(letter)).text):
        assert 'value="redrive"' not in page


def test_an_anonymous_user_is_asked_to_log_in():
    client = Client()
    for response in (client.get(LIST), client.post(LIST, {"action": "redrive"}), client.get(address(dead_request()))):
        assert (response.status_code, response["Location"].split("?")[0]) == (302, reverse("admin:login"))


def test_actions_need_the_csrf_token(admin_user):
    client, letter = Client(enforce_csrf_checks=True), dead_request()
    client.force_login(admin_user)
    response = client.post(LIST, {"action": "redrive", "_selected_action": letter.pk, "index": 0})
    assert (response.status_code, states()) == (403, ["waiting"])


def test_nothing_can_be_added_changed_or_deleted(admin_client):
    letter = dead_request()
    delete = reverse("admin:classify_app_deadletter_delete", args=[letter.pk])
    assert admin_client.get(reverse("admin:classify_app_deadletter_add")).status_code == 403
    assert admin_client.post(address(letter), {"body": "another"}).status_code == 403
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
