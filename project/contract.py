"""The contract between the tiers: task name, arguments, record, announcement, keys.

It imports only the standard library, so that either tier, or any other client, can use it.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, get_origin

VERSION = 1
TASK_NAME = "classify"

DONE = "done"
FAILED = "failed"

FORMATS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp"}
"""Accepted formats by Pillow's name, each with the suffix of its keys."""

VISIBILITY_TIMEOUT = 20
"""The request queue's visibility timeout, in seconds: how long what a killed worker held stays hidden."""

MAX_THUMBNAIL_BYTES = 6 * 1024
FILE_NAME_METADATA = "file-name"


class ContractError(ValueError):
    """A message or record violates the contract."""


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
    """The task's arguments: a pointer to the picture, never the picture itself."""

    id: str
    input_key: str
    version: int = VERSION

    def arguments(self) -> dict[str, Any]:
        return asdict(self)


def request_of(arguments: dict[str, Any]) -> Request:
    """Return the request made of a task's arguments. Raises ContractError."""
    _check_version(arguments)
    try:
        request = Request(**arguments)
    except TypeError as error:
        raise ContractError(f"not a request: {error}") from error
    _check_types(request)
    return request


@dataclass(frozen=True)
class Prediction:
    """A label, its index among ImageNet's 1,000 classes, and its softmax probability, 0 to 1."""

    label: str
    index: int
    confidence: float


@dataclass(frozen=True)
class Record:
    """The full result of one classification, stored as `{id}.json`.

    `top5` is sorted, best first; confidences are softmax probabilities, 0 to 1. `width` and `height` are in pixels as
    stored. `thumbnail` is a JPEG in base64, at most MAX_THUMBNAIL_BYTES decoded. Times are ISO 8601 in UTC. `error` is
    a sentence for the user, `error_code` its stable name; both are empty if the state is done.
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
        return _json(self.document())

    def document(self) -> dict[str, Any]:
        """Return the record as it is in JSON. `asdict` copies each value, and takes thirty times as long."""
        return {**vars(self), "top5": [vars(prediction) for prediction in self.top5]}

    @classmethod
    def from_json(cls, text: str | bytes) -> "Record":
        return cls.from_dict(_parse(text))

    @classmethod
    def from_dict(cls, document: Any) -> "Record":
        """Return the record in a document. Raises ContractError if it isn't a record of this version."""
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
        """The body of `{id}.txt`, as the legacy system stored it: `(name, label)`."""
        return f"({file_stem(self.file_name) or self.id}, {self.label})"


def announcement(record: Record) -> str:
    """Return the message for the response queue: the picture's key, its label, and the whole record."""
    message = {
        "version": VERSION,
        "id": record.id,
        "key": record.input_key,
        "value": record.label,
        "record": record.document(),
    }
    return _json(message)


def record_of(message: str) -> Record:
    """Return the record in an announcement. Raises ContractError."""
    document = _parse(message)
    _check_version(document)
    if "record" not in document:
        raise ContractError("an announcement without a record")
    return Record.from_dict(document["record"])


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _parse(text: str | bytes) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"not JSON: {error}") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _check_types(part: Record | Prediction | Request) -> None:
    for declared in fields(part):
        value = getattr(part, declared.name)
        # isinstance can't check a tuple's items; from_dict checks them one by one.
        if get_origin(declared.type) is not tuple and not _fits(value, declared.name, declared.type):
            raise ContractError(f"{declared.name} can't be {value!r:.100}")


def _fits(value: Any, name: str, expected: Any) -> bool:
    if isinstance(value, bool):  # In Python True is also an int.
        return expected is bool
    if name == "confidence" and isinstance(value, int | float):  # JSON may write 1.0 as 1.
        return 0 <= value <= 1
    return isinstance(value, expected)


def _check_version(document: Any) -> None:
    if not isinstance(document, dict):
        raise ContractError("not a JSON object")
    if document.get("version") != VERSION:
        raise ContractError(f"version {document.get('version')!r}; this is version {VERSION}")
