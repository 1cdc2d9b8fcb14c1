"""What is refused, with the reason why. `classify_app.http.responses` maps each refusal to HTTP."""

RETRY_AFTER_SECONDS = 5


class Refusal(Exception):
    """A request that is refused; nothing was accepted or changed.

    code: stable, for programs. The text is a sentence for the sender. retry_after: seconds after which the same request
    may be taken, None where only another one may.
    """

    def __init__(self, code: str, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type, tuple[str, str, int | None]]:
        return type(self), (self.code, str(self), self.retry_after)  # A bad picture's also travels between processes.


def unavailable(sentence: str) -> Refusal:
    """Return the refusal for when something that the request needs fails; trying again later may work."""
    return Refusal("unavailable", sentence, RETRY_AFTER_SECONDS)
