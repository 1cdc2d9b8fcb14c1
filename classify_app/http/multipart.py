"""Bodies of multipart/form-data (RFC 7578): file names in any encoding, and what a body without a file is told."""

import re
from typing import Any

from django.http import HttpRequest, multipartparser
from django.http.multipartparser import parse_boundary_stream  # type: ignore[attr-defined]

from classify_app.http.responses import INVALID, NOT_MULTIPART
from project.refusals import Refusal

MULTIPART = "multipart/form-data"
NO_UTF_8 = re.compile("[\udc80-\udcff]")
"""Characters that stand for bytes that aren't UTF-8 (PEP 383)."""


def parse_part(stream: Any, max_header_size: int) -> Any:
    """Parse a part as Django does, but with each byte of its header that isn't UTF-8 replaced by `_`.

    Django ignores a Content-Disposition that isn't UTF-8, and so the whole file. RFC 7578, section 5.1.2, expects such
    file names. The header stays as long as it is, since Django refuses longer ones.
    """
    start = stream.read(max_header_size)
    header, end, content = start.partition(b"\r\n\r\n")
    readable = NO_UTF_8.sub("_", header.decode(errors="surrogateescape")).encode()
    stream.unget(readable + end + content if end else start)
    return parse_boundary_stream(stream, max_header_size)


def take_any_file_name() -> None:
    """Let Django parse the parts of all bodies by `parse_part`. It has no setting for that."""
    multipartparser.parse_boundary_stream = parse_part  # type: ignore[attr-defined]


def missing_file(request: HttpRequest, *fields: str) -> Refusal:
    """Return the refusal of a request that has a file in none of the fields."""
    field = f"in the field {' or '.join(fields)} of a {MULTIPART} body"
    if request.content_type != MULTIPART:
        return Refusal(NOT_MULTIPART, f"Send the picture {field}.")
    return Refusal(INVALID, f"No picture {field}, as a part with that name and a file name.")
