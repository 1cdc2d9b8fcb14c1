"""Refusals: requests that are not accepted, with the reason. `classify_app.http.responses` maps them to HTTP."""

RETRY_AFTER_SECONDS = 5


class Refusal(Exception):
    """A request was refused; nothing was accepted or changed.

    The text is a sentence for the client. code: a stable name for programs. retry_after: seconds after which the same
    request may succeed, or None if it never will.
    """

    def __init__(self, code: str, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.retry_after = retry_after

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later: after every 503, and above a rate limit."""
        return self.retry_after is not None

    def __reduce__(self) -> tuple[type, tuple[str, str, int | None]]:
        return type(self), (self.code, str(self), self.retry_after)  # The isolated classifier pickles BadPicture.


def unavailable(sentence: str) -> Refusal:
    """Return the refusal of a request while something that it needs is unavailable; a retry may succeed."""
    return Refusal("unavailable", sentence, RETRY_AFTER_SECONDS)
