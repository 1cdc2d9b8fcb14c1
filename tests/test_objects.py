"""The way to S3's objects: credentials, addresses, certificates, tries and errors are those that boto3 would have."""

import json
import ssl
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from uuid import uuid4

import pytest
from botocore.credentials import RefreshableCredentials as Credentials
from botocore.exceptions import ClientError, HTTPClientError, NoCredentialsError
from celery.utils.serialization import get_pickleable_exception
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from infra.local import faults
from infra.local.ports import free_ports
from project import contract
from project.aws import clients, objects, startup, storage
from project.aws.clients import explain
from project.env import ConfigurationError
from tests.configuration import configured
from tests.test_contract import RECORD

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")
PICTURE = ("any.png", b"picture", "image/png", "cat.png")


def forget():
    for cached in (objects.patient, objects.unwritten, objects.quick, objects._session, clients.quick_s3):
        cached.cache_clear()


@pytest.fixture(autouse=True)
def fresh():
    """A process that has not called S3 yet."""
    forget()
    yield
    forget()


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine without credentials and without an endpoint of its own."""
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return monkeypatch


class Server(ThreadingHTTPServer):
    """Answers by a function of the request, and keeps the requests' method, path and headers."""

    daemon_threads = True

    def __init__(self, answer, context=None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.seen, self.url = answer, [], f"http{'s' * bool(context)}://127.0.0.1:{self.server_port}"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _handle(self):
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        body = self.server.answer(self)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"any"')
        self.send_header("Last-Modified", "Wed, 25 Nov 2026 12:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = _handle  # noqa: N815 -- the names that http.server looks for

    def log_message(self, *_):
        """Say nothing."""


def read_all(request):
    request.rfile.read(int(request.headers["Content-Length"]))
    return b""


@pytest.fixture
def taking(bare):
    """An S3 that takes everything."""
    server = Server(read_all)
    bare.setenv("AWS_ENDPOINT_URL_S3", server.url)
    yield server
    server.shutdown()


@pytest.fixture
def role(bare):
    """A container's role, whose first credentials are about to expire when they come."""

    def answer(_):
        number = len(server.seen)
        expires_at = datetime.now(UTC) + timedelta(minutes=5 if number == 1 else 60)
        key = {"AccessKeyId": f"key-{number}", "SecretAccessKey": "secret", "Token": f"token-{number}"}
        return json.dumps({**key, "Expiration": expires_at.isoformat()}).encode()

    server = Server(answer)
    bare.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
    yield server
    server.shutdown()


def test_credentials_of_a_role_are_renewed_in_time_and_only_then(role, taking, monkeypatch):
    assert objects.BELIEVED - timedelta(minutes=5) < timedelta(seconds=Credentials._mandatory_refresh_timeout)
    monkeypatch.setattr(objects, "BELIEVED", timedelta(minutes=5))  # obstore then takes them again for each call
    for _ in range(10):
        storage.put_picture(*PICTURE)
        time.sleep(0.11)  # which it does once in 100 ms
    assert [headers["x-amz-security-token"] for _, _, headers in taking.seen] == ["token-2"] * 10
    assert len(role.seen) == 2


def test_missing_credentials_are_named(taking):
    with pytest.raises(NoCredentialsError) as raised:
        storage.put_picture(*PICTURE)
    assert "AWS_PROFILE" in explain(raised.value)


def test_credentials_that_come_later_are_found(taking, bare):
    with pytest.raises(NoCredentialsError):
        storage.put_picture(*PICTURE)
    bare.setenv("AWS_ACCESS_KEY_ID", "late")
    bare.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    storage.put_picture(*PICTURE)
    assert "Credential=late/" in taking.seen[0][2]["authorization"]


@pytest.mark.parametrize(
    ("bucket", "variables", "address"),
    [
        ("pictures", {"AWS_REGION": "eu-central-1"}, "https://pictures.s3.eu-central-1.amazonaws.com"),
        ("our.pictures", {"AWS_REGION": "eu-central-1"}, "https://s3.eu-central-1.amazonaws.com/our.pictures"),
        ("pictures", {"AWS_REGION": "cn-north-1"}, "https://pictures.s3.cn-north-1.amazonaws.com.cn"),
        (
            "pictures",
            {"AWS_USE_FIPS_ENDPOINT": "true"},
            "https://pictures.s3-fips.us-east-1.amazonaws.com",
        ),
        ("pictures", {"AWS_ENDPOINT_URL": "http://minio:9000/"}, "http://minio:9000/pictures"),
        (
            "pictures",
            {"AWS_ENDPOINT_URL": "http://any", "AWS_ENDPOINT_URL_S3": "http://minio:9000"},
            "http://minio:9000/pictures",
        ),
        ("pictures", {"AWS_PROFILE": "plain"}, "https://plain.example/pictures"),
        ("pictures", {"AWS_PROFILE": "sectioned"}, "https://sectioned.example/pictures"),
        (
            "pictures",
            {"AWS_PROFILE": "plain", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "https://pictures.s3.us-east-1.amazonaws.com",
        ),
    ],
)
def test_a_bucket_has_the_address_that_boto3_finds(bare, tmp_path, bucket, variables, address):
    (tmp_path / "config").write_text(
        "[profile plain]\nendpoint_url = https://plain.example\n"
        "[profile sectioned]\nservices = ours\n[services ours]\ns3 =\n  endpoint_url = https://sectioned.example\n"
    )
    with configured(**variables):
        assert objects.quick(bucket).config["endpoint_url_s3"] == address


def test_an_endpoint_that_is_no_url_is_named(bare):
    bare.setenv("AWS_ENDPOINT_URL_S3", "minio:9000")
    with pytest.raises(ConfigurationError, match="minio:9000 can't be used"):
        storage.put_picture(*PICTURE)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("denied", "the role or user of this process lacks the permission"),
        ("expired", "the AWS credentials have expired"),
        ("skewed", "this machine's clock is minutes off"),
        ("error", "InternalError"),
        ("slow_down", "SlowDown"),
        (faults.RESET, "Connection reset by peer"),
    ],
)
def test_an_error_is_explained_in_one_line(proxied, kind, sentence):
    proxied.fault = faults.Fault(kind, "s3")
    for call in (lambda: storage.put_picture(*PICTURE), lambda: storage.get_picture("any.png")):
        with pytest.raises(clients.ERRORS) as raised:
            call()
        assert sentence in explain(raised.value)
        assert "\n" not in explain(raised.value)
        assert type(get_pickleable_exception(raised.value)) is type(raised.value)  # Celery replaces others.


def test_a_missing_bucket_is_named(aws):
    with configured(INPUT_BUCKET="no-such-bucket"), pytest.raises(ClientError) as raised:
        storage.put_picture(*PICTURE)
    assert explain(raised.value).startswith("the bucket doesn't exist: see INPUT_BUCKET")


@pytest.mark.parametrize(("status", "code"), [(301, "PermanentRedirect"), (400, "AuthorizationHeaderMalformed")])
def test_a_bucket_in_another_region_is_named(proxied, monkeypatch, status, code):
    monkeypatch.setitem(faults.REFUSALS, "elsewhere", (status, code, "The region is wrong."))
    proxied.fault = faults.Fault("elsewhere", "s3")
    with pytest.raises(ConfigurationError, match="^INPUT_BUCKET=.* the bucket is in another region: see AWS_REGION"):
        startup.check_aws()


@pytest.mark.parametrize("name", ["", "not a bucket's name", "a/b"])
def test_a_bad_name_of_a_bucket_is_an_error_as_with_boto3(aws, name):
    with pytest.raises(clients.ERRORS, match="Invalid bucket name"):
        objects.quick(name)


def test_a_refused_connection_is_an_error_of_aws(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(HTTPClientError, match="Connection refused"):
        storage.has_picture("any.png")


@pytest.mark.parametrize(("call", "method", "tries"), [("put_picture", "PUT", 2), ("get_picture", "GET", 3)])
def test_a_call_is_tried_again_as_often_as_with_boto3(proxied, call, method, tries):
    proxied.fault = faults.Fault("slow_down", "s3")
    with pytest.raises(ClientError):
        getattr(storage, call)(*PICTURE if call == "put_picture" else ("any.png",))
    assert proxied.struck == {method: tries}


def test_an_upload_does_not_wait_for_a_silent_s3(proxied, monkeypatch):
    monkeypatch.setattr(objects, "QUICK_SECONDS", 0.2)
    proxied.fault = faults.Fault(faults.TIMEOUT, "s3")
    for call in (lambda: storage.put_picture(*PICTURE), lambda: storage.has_picture("any.png")):
        with pytest.raises(HTTPClientError, match="TimedOut"):
            call()
    assert proxied.struck == {"PUT": 2, "HEAD": 2}


def read_slowly(request):
    left = int(request.headers["Content-Length"])
    while left:
        time.sleep(0.2)
        left -= len(request.rfile.read(min(left, 100_000)))
    return b""


def test_a_large_picture_may_take_a_slow_line(bare, monkeypatch):
    monkeypatch.setattr(objects, "QUICK_SECONDS", 0.5)
    server = Server(read_slowly)
    for name, value in zip(KEYS, ("any", "any", server.url), strict=True):
        bare.setenv(name, value)
    storage.put_picture("any.png", bytes(600_000), "image/png", "cat.png")
    assert len(server.seen) == 1
    server.shutdown()


def test_a_picture_may_come_slowly(bare, monkeypatch):
    """Longer than a gap between two bytes may be, but with shorter gaps."""
    monkeypatch.setattr(objects, "S3_READ_SECONDS", 0.5)

    def write_slowly(request):
        request.send_response(200)
        for name, value in (
            ("Content-Length", "5"),
            ("ETag", '"any"'),
            ("Last-Modified", "Wed, 25 Nov 2026 12:00:00 GMT"),
        ):
            request.send_header(name, value)
        request.end_headers()
        for _ in range(5):
            time.sleep(0.2)
            request.wfile.write(b"x")
        request.close_connection = True
        raise ConnectionError

    server = Server(write_slowly)
    for name, value in zip(KEYS, ("any", "any", server.url), strict=True):
        bare.setenv(name, value)
    assert storage.get_picture("any.png") == (b"xxxxx", "")
    server.shutdown()


class LosingAnswers(faults._Handler):
    """Passes requests on, and loses the first answer to a put of a record."""

    def _answer(self, status, body, headers):
        if self.path.endswith(".json") and self.command == "PUT" and not self.server.struck:
            self.server.count_struck("PUT")
            self._reset()
        else:
            super()._answer(status, body, headers)


def test_a_record_whose_answer_is_lost_is_put_again_and_stays_the_first(proxied):
    proxied.RequestHandlerClass = LosingAnswers
    record = replace(RECORD, id=str(uuid4()))
    assert storage.put_record(record) == record
    assert (proxied.struck, proxied.passed["PUT"]) == ({"PUT": 1}, 3)  # the record twice, and its label
    assert storage.put_record(replace(record, label="other")) == record


def test_a_conflict_with_another_writer_gives_the_record_of_the_other(proxied, monkeypatch):
    stored = replace(RECORD, id=str(uuid4()), state=contract.FAILED, label="")
    storage.put_record(stored)
    monkeypatch.setitem(faults.REFUSALS, "conflict", (409, "ConditionalRequestConflict", "At the same time."))
    proxied.fault = faults.Fault("conflict", "s3", "PUT")
    assert storage.put_record(replace(stored, error="another")) == stored
    with pytest.raises(ClientError, match="ConditionalRequestConflict"):
        storage.put_record(replace(stored, id=str(uuid4())))  # The other has not finished.


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A private certificate authority's certificate, and a server's certificate with its key."""
    folder = tmp_path_factory.mktemp("certificates")
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("authority", "s3")]
    for is_authority, key, name in zip((True, False), keys, names, strict=True):
        certificate = (
            x509.CertificateBuilder(names[0], name, key.public_key(), x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
            .not_valid_after(datetime.now(UTC) + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(keys[0], hashes.SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name.rfc4514_string()[3:]}.pem").write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    return folder


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_certificates_of_ones_own_authority_are_trusted_as_by_boto3(bare, certificates, variable):
    bare.delenv("AWS_CA_BUNDLE", raising=False)
    bare.delenv("REQUESTS_CA_BUNDLE", raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "s3.pem")
    server = Server(read_all, context)
    for name, value in zip(KEYS, ("any", "any", server.url), strict=True):
        bare.setenv(name, value)
    with pytest.raises(HTTPClientError, match="UnknownIssuer"):
        storage.put_picture(*PICTURE)
    bare.setenv(variable, str(certificates / "authority.pem"))
    forget()
    storage.put_picture(*PICTURE)
    assert len(server.seen) == 1
    server.shutdown()


@pytest.mark.parametrize(
    "content", [None, b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_certificates_that_cannot_be_used_are_named(monkeypatch, tmp_path, content):
    file = tmp_path / "authority.pem"
    if content:
        file.write_bytes(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    with pytest.raises(ConfigurationError, match=f"AWS_CA_BUNDLE={file} can't be used"):
        objects.list_no_folder("any")


@pytest.mark.parametrize("key", ["", "/any.png", "a//b.png", "../any.png", "a/./b.png", "any.png\n"])
def test_a_key_that_obstore_would_not_ask_for_is_missing(taking, bare, key):
    bare.setenv("AWS_ACCESS_KEY_ID", "any")
    bare.setenv("AWS_SECRET_ACCESS_KEY", "any")
    with pytest.raises(storage.PictureMissing):
        storage.get_picture(key)
    assert not taking.seen
