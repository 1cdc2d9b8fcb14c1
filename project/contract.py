"""What the tiers say to each other: the task, its arguments, the record, the announcement, the keys.

Imports the standard library alone, so that either tier, or a stranger, can use it.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, get_origin

VERSION = 1
TASK_NAME = "classify"

DONE = "done"
FAILED = "failed"

FORMATS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp"}
"""Formats that are decoded, by Pillow's name, with the suffix their keys get."""

VISIBILITY_TIMEOUT = 120
"""Seconds for which a received request stays hidden from other workers."""

MAX_THUMBNAIL_BYTES = 6 * 1024
FILE_NAME_METADATA = "file-name"


class ContractError(ValueError):
    """A message or record isn't what the contract says."""


def input_key(id: str, picture_format: str) -> str:
    return id + FORMATS[picture_format]


def record_key(id: str) -> str:
    return f"{id}.json"


def label_key(id: str) -> str:
    return f"{id}.txt"


def file_stem(file_name: str) -> str:
    """Return a file's name without its extension: `test_0` of `test_0.JPEG`."""
    return file_name.rpartition(".")[0] or file_name


@dataclass(frozen=True)
class Request:
    """The task's arguments: it points to the picture and never carries it."""

    id: str
    input_key: str
    version: int = VERSION

    def arguments(self) -> dict[str, Any]:
        return asdict(self)


def request_of(arguments: dict[str, Any]) -> Request:
    """Return the request that a task's arguments are. Raises ContractError."""
    _check_version(arguments)
    try:
        request = Request(**arguments)
    except TypeError as error:
        raise ContractError(f"not a request: {error}") from error
    _check_types(request)
    return request


@dataclass(frozen=True)
class Prediction:
    label: str
    index: int
    confidence: float


@dataclass(frozen=True)
class Record:
    """The whole of what is known of one classification, as `{id}.json` keeps it.

    `top5` is sorted, best first; confidences are softmax probabilities. `thumbnail` is a JPEG in
    base64 of at most MAX_THUMBNAIL_BYTES decoded. Times are ISO 8601 in UTC. `error` is a sentence
    for the user, `error_code` its stable name; both are empty when the state is done.
    """

    id: str
    input_key: str
    file_name: str
    state: str
    model: str
    weights: str
    fallback: bool
    started_at: str
    finished_at: str
    worker: str
    label: str = ""
    confidence: float | None = None
    top5: tuple[Prediction, ...] = ()
    width: int | None = None
    height: int | None = None
    format: str = ""
    thumbnail: str = field(default="", repr=False)
    error_code: str = ""
    error: str = ""
    version: int = VERSION

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Record":
        return cls.from_dict(_parse(text))

    @classmethod
    def from_dict(cls, document: Any) -> "Record":
        """Raises ContractError where the document isn't a record of this version."""
        _check_version(document)
        try:
            top5 = tuple(Prediction(**prediction) for prediction in document["top5"])
            record = cls(**{**document, "top5": top5})
        except (KeyError, TypeError) as error:
            raise ContractError(f"not a record: {error}") from error
        _check_types(record)
        for prediction in top5:
            _check_types(prediction)
        if record.state not in (DONE, FAILED):
            raise ContractError(f"a record's state can't be {record.state!r}")
        return record

    def label_text(self) -> str:
        """The body of `{id}.txt`, as the replaced system stored it: `(name, label)`."""
        return f"({file_stem(self.file_name) or self.id}, {self.label})"


def announcement(record: Record) -> str:
    """Return the response queue's message: the picture's key, its label, and the whole record."""
    message = {
        "version": VERSION,
        "id": record.id,
        "key": record.input_key,
        "value": record.label,
        "record": asdict(record),
    }
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False)


def record_of(message: str) -> Record:
    """Return the record that an announcement carries. Raises ContractError."""
    document = _parse(message)
    _check_version(document)
    if "record" not in document:
        raise ContractError("an announcement without a record")
    return Record.from_dict(document["record"])


def _parse(text: str | bytes) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"not JSON: {error}") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _check_types(part: Record | Prediction | Request) -> None:
    for declared in fields(part):
        value = getattr(part, declared.name)
        # isinstance can't look into the tuple; its items are checked one by one.
        if get_origin(declared.type) is not tuple and not _fits(value, declared.name, declared.type):
            raise ContractError(f"{declared.name} can't be {value!r:.100}")


def _fits(value: Any, name: str, expected: Any) -> bool:
    if isinstance(value, bool):  # To Python True is a number too.
        return expected is bool
    if name == "confidence" and isinstance(value, int | float):  # JSON may write 1.0 as 1.
        return 0 <= value <= 1
    return isinstance(value, expected)


def _check_version(document: Any) -> None:
    if not isinstance(document, dict):
        raise ContractError("not a JSON object")
    if document.get("version") != VERSION:
        raise ContractError(f"version {document.get('version')!r}; this is version {VERSION}")
