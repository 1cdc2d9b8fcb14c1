"""Any number of hostile uploads, reproducible by a seed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from random import Random

from tests.promises.refused_with_a_reason import bodies, files
from tests.promises.refused_with_a_reason.damage import DAMAGES, WHOLE, Damage

COSTLY_EVERY = 250
"""One of this many uploads is of a costly kind."""


@dataclass(frozen=True)
class Upload:
    """What is posted: a body of bytes, and the content type that it is said to have."""

    kind: str
    content_type: str
    body: bytes = field(repr=False)


def damaged(rng: Random, make: Callable[[], bytes], damage: Damage) -> bodies.Body:
    return bodies.with_name(b"damaged.png", damage(make(), rng))


def crafted(rng: Random, make: files.Make) -> bodies.Body:
    return bodies.with_name(b"crafted.png", make(rng))


DAMAGED = {
    f"{damage.__name__} {name}": partial(damaged, make=make, damage=damage)
    for name, make in WHOLE.items()
    for damage in DAMAGES
}
CRAFTED = {name: partial(crafted, make=make) for name, make in files.CRAFTED.items()}
COSTLY = {name: partial(crafted, make=make) for name, make in files.COSTLY.items()}
# Every kind of damage once, then every other kind five times.
ROUND = [*DAMAGED.items(), *[*CRAFTED.items(), *bodies.ABUSES.items()] * 5]


def uploads(seed: int, count: int) -> Iterator[Upload]:
    """Yield `count` uploads: every kind in turn, each different from the last of its kind."""
    rng, ordinary, costly = Random(seed), cycle(ROUND), cycle(COSTLY.items())
    for number in range(count):
        kind, make = next(costly if number % COSTLY_EVERY == 0 else ordinary)
        yield Upload(kind, *make(rng))
