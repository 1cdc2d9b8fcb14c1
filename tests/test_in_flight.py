"""Messages in flight: their visibility timeout is extended during long work, but not for ever."""

from types import SimpleNamespace

from workers.in_flight import MAX_HELD_SECONDS, VisibilityExtender


def extender(in_flight):
    return VisibilityExtender(SimpleNamespace(in_flight=in_flight), "queue", 120)


def test_a_new_message_needs_no_extension():
    assert extender(["a", "b"]).due(100) == []


def test_a_message_is_extended_from_the_second_check_on():
    in_flight = ["a"]
    extending = extender(in_flight)
    extending.due(100)
    in_flight.append("b")
    assert extending.due(130) == ["a"]
    assert extending.due(160) == ["a", "b"]


def test_a_finished_message_is_not_extended():
    in_flight = ["a", "b"]
    extending = extender(in_flight)
    extending.due(100)
    in_flight.remove("a")
    assert extending.due(130) == ["b"]


def test_a_message_that_hangs_is_redelivered_in_the_end():
    extending = extender(["a"])
    extending.due(100)
    assert extending.due(100 + MAX_HELD_SECONDS) == ["a"]
    assert extending.due(100 + MAX_HELD_SECONDS + 1) == []
