"""The page of a run of the local fleet: empty at first, live during the run, complete at its end."""

from dataclasses import replace

import pytest

from infra.elastic.history import History
from infra.elastic.loop import Minute

MINUTE = Minute(
    minute=7,
    seconds=14.0,
    visible=120,
    in_flight=8,
    pending=1,
    in_service=3,
    terminating=0,
    desired=4,
    reason="Backlog per instance 40, in service 3, step <+25 %> -> 4",
)


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "history.json", minute_seconds=2)


def test_a_fleet_that_has_just_started_has_no_minute_yet(history):
    history.write([])
    assert "first minute isn't over" in history.page.read_text()
    assert "None yet." in history.page.read_text()
    history.end()
    assert "ended before its first minute" in history.page.read_text()


def test_decisions_are_shown_with_their_reasons(history):
    history.write([MINUTE])
    assert "Minute 7: Backlog per instance 40, in service 3, step &lt;+25 %&gt; -&gt; 4" in history.page.read_text()
    assert "120 waiting, 8 in flight; 3 in service, 1 pending, 0 draining, 4 wanted" in history.page.read_text()


def test_bars_are_drawn_to_the_most_of_all_minutes_and_the_latest_minute_comes_first(history):
    history.write([MINUTE, replace(MINUTE, minute=8, visible=30, in_service=4, reason="")])
    assert '<meter min="0" max="120" value="30"></meter> 30' in history.page.read_text()
    assert '<meter min="0" max="4" value="3"></meter> 3' in history.page.read_text()
    assert history.page.read_text().index("<td>8</td>") < history.page.read_text().index("<td>7</td>")


def test_browsers_reload_the_page_until_the_run_is_over(history):
    history.write([MINUTE])
    assert 'http-equiv="refresh"' in history.page.read_text()
    history.end()
    assert "refresh" not in history.page.read_text()
    assert "120 waiting" in history.page.read_text()


def test_the_page_shows_the_last_hour_of_a_long_run(history):
    history.write([replace(MINUTE, minute=number) for number in range(100)])
    assert history.page.read_text().count("<tr><td>") == history.page.read_text().count("<li>") == 60
    assert "<td>40</td>" in history.page.read_text()
    assert "<td>39</td>" not in history.page.read_text()
