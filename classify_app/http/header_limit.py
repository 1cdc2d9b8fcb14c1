"""The limit on a request's header, enforced while it arrives. uvicorn is told by `--http` to use the protocol here."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES = 64_000
"""Limit on the address and all header fields of a request together."""

TOO_LONG = f"The request's header has more than {MAX_HEADER_BYTES:,} bytes."

ANSWER = f"""\
HTTP/1.1 431 Request Header Fields Too Large\r
Content-Type: text/plain; charset=utf-8\r
Content-Length: {len(TOO_LONG)}\r
Connection: close\r
\r
{TOO_LONG}""".encode()


class HeaderLimitProtocol(HttpToolsProtocol):
    """uvicorn's protocol, but it stops reading where a header goes on for MAX_HEADER_BYTES; uvicorn would keep it all.

    A header that arrives at once, of 256 kB at most, is left to `BodyLimit`. Trailer fields count too.
    """

    _unparsed = 0
    """Bytes since the parser last came to a request, to the end of its header or to a piece of its body."""

    def data_received(self, data: bytes) -> None:
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > MAX_HEADER_BYTES and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(ANSWER)
            self.transport.close()

    def on_message_begin(self) -> None:
        self._unparsed = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._unparsed = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)
