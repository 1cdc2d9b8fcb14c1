"""What a worker holds: extended while the work lives, and for no longer than any work may take."""

from types import SimpleNamespace

from workers.in_flight import MAX_HELD_SECONDS, Keeper


def keeper(held):
    return Keeper(SimpleNamespace(held=held), "queue", 120)


def test_what_has_just_come_needs_no_extension():
    assert keeper(["a", "b"]).due(100) == []


def test_what_was_there_at_the_last_look_is_extended():
    held = ["a"]
    look = keeper(held)
    look.due(100)
    held.append("b")
    assert look.due(130) == ["a"]
    assert look.due(160) == ["a", "b"]


def test_what_is_finished_is_extended_no_more():
    held = ["a", "b"]
    look = keeper(held)
    look.due(100)
    held.remove("a")
    assert look.due(130) == ["b"]


def test_what_hangs_is_left_to_others_in_the_end():
    look = keeper(["a"])
    look.due(100)
    assert look.due(100 + MAX_HELD_SECONDS) == ["a"]
    assert look.due(100 + MAX_HELD_SECONDS + 1) == []
