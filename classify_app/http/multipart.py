"""Bodies of multipart/form-data (RFC 7578): file names in any encoding, and what a body without a file is told."""

from typing import Any

from django.http import HttpRequest, multipartparser
from django.http.multipartparser import parse_boundary_stream  # type: ignore[attr-defined]

from classify_app.http.responses import INVALID, NOT_MULTIPART
from project.refusals import Refusal

MULTIPART = "multipart/form-data"


def parse_part(stream: Any, max_header_size: int) -> Any:
    """Parse a part as Django does, but with the bytes of its header that aren't UTF-8 replaced.

    Django ignores a Content-Disposition that isn't UTF-8, and so the whole file. RFC 7578, section 5.1.2, expects such
    file names.
    """
    start = stream.read(max_header_size)
    header, end, content = start.partition(b"\r\n\r\n")
    stream.unget(header.decode(errors="replace").encode() + end + content if end else start)
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
