"""The generator of hostile uploads: the same for the same seed, and of every kind."""

from tests.promises.refused_with_a_reason.generator import COSTLY, COSTLY_EVERY, ROUND, uploads

SOME = len(ROUND) + 1


def test_a_seed_makes_the_same_uploads_again():
    assert list(uploads(7, SOME)) == list(uploads(7, SOME))


def test_another_seed_makes_others():
    assert list(uploads(7, SOME)) != list(uploads(8, SOME))


def test_every_kind_is_generated():
    kinds = {upload.kind for upload in uploads(7, COSTLY_EVERY + 1)}
    assert kinds == {*dict(ROUND), *COSTLY}
