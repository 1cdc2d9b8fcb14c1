"""S3's objects by obstore, which takes a fifth of boto3's CPU time and releases Python's lock meanwhile.

Credentials, region, endpoint and certificates are those that boto3 finds. Errors are boto3's as well: ClientError for
an error response, BotoCoreError for any other failure.
"""

import html
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import obstore
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError
from botocore.handlers import validate_bucket_name
from botocore.utils import check_dns_name, ensure_boolean, is_valid_endpoint_url
from obstore.exceptions import BaseError
from obstore.store import S3Store

from project import env
from project.aws.clients import QUICK_TIMEOUTS, S3_READ_SECONDS, TIMEOUTS

if TYPE_CHECKING:
    from obstore import Attributes
    from obstore.store import BackoffConfig, ClientConfig, S3Credential

QUICK_SECONDS = 4
"""The longest try of a call that an upload waits for. Two tries and the pause between them take less than 10 s."""

UNLIMITED = "1day"  # By default obstore ends any try after 30 s, though its bytes still come.
BACKOFF: "BackoffConfig" = {"init_backoff": timedelta(seconds=0.5), "max_backoff": timedelta(seconds=1)}
# obstore asks again 5 minutes before the expiry that it is told, so at most a minute after boto3 has renewed them.
# boto3 does that at least 10 minutes before they expire.
BELIEVED = timedelta(minutes=6)


@cache
def patient(bucket: str) -> S3Store:
    """Return a bucket for calls that no upload waits for: a gap between two bytes ends a try, and a put is one gap."""
    return _store(bucket, TIMEOUTS, _patience())


@cache
def unwritten(bucket: str) -> S3Store:
    """Return a bucket in which a put creates an object, or fails because there is one."""
    # obstore's own mode "create" isn't tried again after a time-out or a reset.
    return _store(bucket, TIMEOUTS, {**_patience(), "default_headers": {"If-None-Match": "*"}})


@cache
def quick(bucket: str) -> S3Store:
    """Return a bucket for calls that an upload waits for: they fail within 10 s while S3 is silent."""
    return _store(bucket, QUICK_TIMEOUTS, {"timeout": f"{QUICK_SECONDS}s"})


def _patience() -> "ClientConfig":
    return {"read_timeout": f"{S3_READ_SECONDS}s", "timeout": UNLIMITED}


def put(store: S3Store, key: str, content: bytes, attributes: "Attributes") -> None:
    with _errors_as_boto3s("PutObject"):
        obstore.put(store, key, content, attributes=attributes, use_multipart=False)


def get(store: S3Store, key: str) -> "tuple[bytes, Attributes] | None":
    """Return an object's content and attributes, or None if there is none, or none that obstore can ask for."""
    if not _can_be_asked_for(key):
        return None
    try:
        with _errors_as_boto3s("GetObject"):
            stored = obstore.get(store, key)
            return stored.bytes().to_bytes(), stored.attributes
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return None


def exists(store: S3Store, key: str) -> bool:
    """Return whether there is an object. Its key must be one of ours."""
    try:
        with _errors_as_boto3s("HeadObject"):
            obstore.head(store, key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":  # The response to HEAD has no body, and so no code NoSuchKey.
            raise
        return False
    return True


def list_no_folder(bucket: str) -> object:
    """Return the empty list of a folder that isn't there. It fails unless the bucket is there and may be used."""
    store = patient(bucket)
    with _errors_as_boto3s("ListObjectsV2"):
        return obstore.list_with_delimiter(store, "no-such-folder")


def _can_be_asked_for(key: str) -> bool:
    """Return whether obstore asks for this key. It raises ValueError for others, and takes `/a` for `a`."""
    return key.isprintable() and not {"", ".", ".."}.intersection(key.split("/"))


def _store(bucket: str, timeouts: dict[str, Any], options: "ClientConfig") -> S3Store:
    address = _address(bucket)
    options = {
        **options,
        "connect_timeout": f"{timeouts['connect_timeout']}s",
        "allow_http": address.startswith("http://"),
    }
    # As boto3 looks for it.
    bundle = _session().get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
    try:
        if bundle:
            options["root_certificate"] = Path(bundle).read_bytes()
        return S3Store(
            bucket,
            # Not `endpoint`, which a variable of this name would override.
            aws_endpoint_url_s3=address,
            virtual_hosted_style_request=True,  # obstore then takes the address as it is
            region=env.common().aws_region,
            credential_provider=_provide_credentials,
            client_options=options,
            retry_config={"max_retries": timeouts["retries"]["total_max_attempts"] - 1, "backoff": BACKOFF},
        )
    except (OSError, ValueError, BaseError) as error:
        if not bundle:
            raise
        raise env.ConfigurationError(f"AWS_CA_BUNDLE={bundle} can't be used: {str(error).splitlines()[0]}") from error


def _address(bucket: str) -> str:
    """Return a bucket's URL: in AWS the bucket is a part of the host's name, at another endpoint of the path."""
    validate_bucket_name({"Bucket": bucket})  # obstore would panic
    session, region = _session(), env.common().aws_region
    configured = ConfiguredEndpointProvider(session.full_config, session.get_scoped_config(), "s3").provide()
    if configured and not _is_set("ignore_configured_endpoint_urls"):
        if not is_valid_endpoint_url(configured):
            raise env.ConfigurationError(f"{configured} can't be used as AWS's endpoint: it is no URL.")
        return f"{configured.rstrip('/')}/{bucket}"
    partitions = session.get_data("endpoints")["partitions"]
    domain = next((one["dnsSuffix"] for one in partitions if re.match(one["regionRegex"], region)), "amazonaws.com")
    fips = "-fips" if _is_set("use_fips_endpoint") else ""
    dual = ".dualstack" if _is_set("use_dualstack_endpoint") else ""
    host = f"s3{fips}{dual}.{region}.{domain}"
    # A certificate covers no bucket with a dot in its name.
    return f"https://{bucket}.{host}" if check_dns_name(bucket) else f"https://{host}/{bucket}"


@cache
def _session() -> botocore.session.Session:
    session = botocore.session.get_session()
    session.get_credentials()  # ahead of the first call
    return session


def _is_set(variable: str) -> bool:
    return bool(ensure_boolean(_session().get_config_variable(variable)))


def _credentials() -> Any:
    """Return the credentials, renewed if they are about to expire. Raises boto3's errors."""
    found = _session().get_credentials()
    if found is None:
        raise NoCredentialsError
    return found.get_frozen_credentials()


def _provide_credentials() -> "S3Credential":
    key = _credentials()
    return {
        "access_key_id": key.access_key,
        "secret_access_key": key.secret_key,
        "token": key.token,
        "expires_at": datetime.now(UTC) + BELIEVED,
    }


@contextmanager
def _errors_as_boto3s(operation: str) -> Iterator[None]:
    _credentials()  # Here its errors are boto3's; obstore would wrap them.
    try:
        yield
    except (BaseError, FileNotFoundError) as error:  # obstore raises FileNotFoundError for any 404
        # Without its cause, which is a dump of dozens of lines.
        raise _boto3s_error(str(error), operation) from None


def _boto3s_error(text: str, operation: str) -> ClientError | BotoCoreError:
    message, _, dump = text.partition("\n\nDebug source:")
    response = re.search(r"status code: (\d+) ([^:]*): ?(.*)", message, re.DOTALL)
    if "BareRedirect" in dump:  # S3's answer if a bucket is in another region; boto3 would go there
        return ClientError({"Error": {"Code": "PermanentRedirect", "Message": message}}, operation)
    if response is None:
        quoted = re.findall(r'(?:message|error): "(.*)"', dump)
        cause = quoted or re.findall(r"\w+", dump) or [""]
        return HTTPClientError(error=f"{message}: {cause[-1]}")
    status, phrase, body = response.groups()
    code, said = (re.search(f"<{tag}>(.*?)</{tag}>", body, re.DOTALL) for tag in ("Code", "Message"))
    message = html.unescape(said[1]) if said else phrase
    return ClientError({"Error": {"Code": code[1] if code else status, "Message": message}}, operation)
