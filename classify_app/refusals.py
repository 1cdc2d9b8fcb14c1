"""Refusals that pass: nothing was accepted, and the same request may be taken later."""

RETRY_AFTER_SECONDS = 5


class Unavailable(Exception):
    """A part of the service that an upload needs is away; nothing was accepted, trying again later may work."""

    code = "unavailable"
    status = 503

    def __init__(self, sentence: str, retry_after: int = RETRY_AFTER_SECONDS) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
