"""Bodies and file names that abuse multipart and JSON: each is a content type and the bytes behind it."""

import json
from random import Random

from tests import pictures

BOUNDARY = "xyz"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
Body = tuple[str, bytes]
PICTURE = pictures.png()

NAMES = (
    b"../../../../etc/passwd",
    b"..\\..\\windows\\win.ini",
    b"/dev/null",
    b"C:\\CON",
    b"a\x00.png",
    b"\xff\xfe\xfd.png",
    b"line\rbreak\n.png",
    b"x" * 5_000 + b".png",
    "猫".encode() * 255,
    "😀".encode() * 255,
    "\u202egnp.exe".encode(),
    b"'; DROP TABLE classify_app_classification; --",
    b"<img src=x onerror=alert(1)>.png",
    b"{{ 7*7 }}{% debug %}.png",
    b"$(reboot).png",
    b"%00%0d%0aSet-Cookie: a=b.png",
    b"&#0;&#xd800;&#x110000;.png",
    b'quote\\".png',
    b".",
    b"..",
    b" ",
    b"",
)
PARAMETERS = (
    b"filename*=utf-8''%ff%fe%00.png",
    b"filename*=nonsense''cat.png",
    b"filename*=hex''cat.png",
    b"filename*=utf-7''+2AA-.png",
    b"filename*=''",
    b"filename*=a'b'c'd",
    b'filename="a.png"; filename="b.png"',
    b"filename=" + b"a" * 2_000,
    b'filename="unclosed',
)


def part(content: bytes, disposition: bytes = b'name="file"; filename="cat.png"', headers: bytes = b"") -> bytes:
    return b"--xyz\r\nContent-Disposition: form-data; " + disposition + b"\r\n" + headers + b"\r\n" + content + b"\r\n"


END = b"--xyz--\r\n"


def with_name(name: bytes, content: bytes) -> Body:
    return MULTIPART, part(content, b'name="file"; filename="' + name + b'"') + END


def hostile_name(rng: Random) -> Body:
    """A good picture with a hostile file name."""
    if rng.random() < 0.3:
        return MULTIPART, part(pictures.png(), b'name="file"; ' + rng.choice(PARAMETERS)) + END
    return with_name(rng.choice(NAMES), PICTURE)


def wrong_extension(rng: Random) -> Body:
    make = rng.choice((pictures.jpeg, pictures.gif, pictures.webp, pictures.text, pictures.tiff))
    return with_name(rng.choice((b"a.png", b"a.exe", b"a.php.jpg", b"a.svg", b"a.tar.gz", b"a")), make())


CHARSETS = ("utf-16", "hex", "zlib", "idna", "punycode", "undefined", "utf-7", "unicode_escape", "nonsense")
BOUNDARIES = ("", "; boundary=", "; boundary=" + "x" * 300, "; boundary=/@", '; boundary="', "; boundary=other")
PARTS: dict[str, bytes] = {
    "two files": part(PICTURE) + part(pictures.jpeg()) + END,
    "two hundred files": part(PICTURE) * 200 + END,
    "many fields": part(b"value", b'name="field"') * 2_000 + part(PICTURE) + END,
    "another field": part(PICTURE, b'name="other"; filename="cat.png"') + END,
    "no name": part(PICTURE, b'filename="cat.png"') + END,
    "text for a file": part(b"not a file", b'name="file"') + END,
    "no file name": part(PICTURE, b'name="file"') + END,
    "a huge header": part(PICTURE, headers=b"X-Huge: " + b"h" * 100_000 + b"\r\n") + END,
    "many headers": part(PICTURE, headers=b"X-Many: h\r\n" * 5_000) + END,
    "base64": part(PICTURE, headers=b"Content-Transfer-Encoding: base64\r\n") + END,
    "a lying length": part(PICTURE, headers=b"Content-Length: 99999999999\r\n") + END,
    "a charset": part(PICTURE, headers=b"Content-Type: image/png; charset=hex\r\n") + END,
    "no end": part(PICTURE),
    "no parts": END,
    "nothing": b"",
    "half a header": b"--xyz\r\nContent-Disposition: form-data; na",
    "the bare picture": PICTURE,
    "boundaries alone": b"--xyz\r\n" * 5_000,
    "a nested multipart": part(part(PICTURE) + END, headers=b"Content-Type: multipart/mixed\r\n") + END,
    "a large field": part(b"v" * 3_000_000, b'name="field"') + part(PICTURE) + END,
}


def abused_multipart(rng: Random) -> Body:
    return MULTIPART, rng.choice(list(PARTS.values()))


def abused_content_type(rng: Random) -> Body:
    """A good body with a wrong content type."""
    types = (
        *("multipart/form-data" + boundary for boundary in BOUNDARIES),
        *(f"{MULTIPART}; charset={charset}" for charset in CHARSETS),
        "multipart/mixed; boundary=xyz",
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=utf-16",
        "image/png",
        "text/plain; charset=hex",
        "",
        "/",
        "; boundary=xyz",
        "multipart/form-data; boundary=xyz; é",
    )
    return rng.choice(types), part(PICTURE) + END


JSON_VALUES = (None, True, 0, -1, 2**70, 1e308, "", "cat", "\x00", "x" * 10_000, [], [[]], {}, {"file": {}}, [1, "a"])
JSON_FIELDS = ("file", "id", "input_key", "state", "version", "record", "label", "__proto__", "")
JSON_TEXTS = (
    b"",
    b"{",
    b"nonsense",
    b'{"file": NaN}',
    b'{"file": 1e999}',
    b'{"file": ' + b"9" * 5_000 + b"}",
    b"[" * 50_000,
    b'{"a":' * 50_000,
    b'{"file": "\\ud800"}',
    b"\xff\xfe{\x00}\x00",
    b'"\xff"',
)


def wrong_json(rng: Random) -> Body:
    """A JSON body instead of a picture, wrong in every field."""
    kind = rng.choice(("application/json", "application/json; charset=utf-16", "application/problem+json", "text/json"))
    if rng.random() < 0.4:
        return kind, rng.choice(JSON_TEXTS)
    return kind, json.dumps({field: rng.choice(JSON_VALUES) for field in JSON_FIELDS}).encode()


ABUSES = {
    make.__name__: make for make in (hostile_name, wrong_extension, abused_multipart, abused_content_type, wrong_json)
}
