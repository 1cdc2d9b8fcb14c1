"""fetch-secrets, the real script, against an emulator's Secrets Manager."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.system.harness import ROOT, answers, free_ports, wait_until

pytest.importorskip("moto", reason="moto, the emulator that has a Secrets Manager, is not installed")

KEY = 'a key of the tests, long enough; "quoted", it\'s $HOME, `ls` and \\n'
ASK_SITE = """
import json
from django.conf import settings
database = settings.DATABASES["default"]
names = ("USER", "PASSWORD", "HOST", "PORT", "NAME")
options = {name: value for name, value in database["OPTIONS"].items() if name != "pool"}
print(json.dumps([settings.SECRET_KEY, [database[name] for name in names], options]))
"""
AWS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests"}


@pytest.fixture(scope="module")
def secrets_manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        cwd=tmp_path_factory.mktemp("moto"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: answers(url), 60, "the emulator is ready")
        credentials = {"aws_access_key_id": "tests", "aws_secret_access_key": "tests"}
        yield boto3.client("secretsmanager", endpoint_url=url, region_name="us-east-1", **credentials)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def fetch(secrets_manager: Any, tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Stores a secret's text and runs the script on it, in a folder of the test's own."""

    def run(text: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        arn = secrets_manager.create_secret(Name=f"of {tmp_path.name}", SecretString=text)["ARN"]
        environ = {
            **AWS,
            "AWS_ENDPOINT_URL": secrets_manager.meta.endpoint_url,
            "AWS_REGION": "us-east-1",
            "SECRET_ARN": arn,
            "DATABASE_HOST": "database.example:5432",
            "DATABASE_NAME": "recognition",
            "DATABASE_USER": "site",
            "RUNTIME_DIRECTORY": str(tmp_path),
            **variables,
        }
        command = [sys.executable, ROOT / "infra" / "ami" / "bin" / "fetch-secrets"]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.mark.parametrize(
    "password", ["plain", "p@ss/w:rd?#[]%25&+ =;,", 'it\'s "$quoted" `x` \\ back', "naïve • 密码", "1234"]
)
def test_the_site_reads_what_the_secret_holds(fetch, tmp_path, password):
    fetched = fetch(json.dumps({"SECRET_KEY": KEY, "DATABASE_PASSWORD": password}))
    assert fetched.returncode == 0, fetched.stderr
    assert (fetched.stdout, fetched.stderr) == ("", "")
    file = tmp_path / "secrets.env"
    # A shell reads double quotes and backslashes as systemd does.
    shell = ["bash", "-c", f"set -a; . {file}; exec {sys.executable} manage.py shell --no-imports -c '{ASK_SITE}'"]
    site = subprocess.run(
        shell, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False
    )
    assert site.returncode == 0, site.stderr
    assert json.loads(site.stdout) == [
        KEY,
        ["site", password, "database.example", 5432, "recognition"],
        {"sslmode": "verify-full", "sslrootcert": "/opt/recognition/rds-ca.pem"},
    ]


def test_only_the_owner_can_read_the_file_and_another_fetch_replaces_it(fetch, secrets_manager, tmp_path):
    text = json.dumps({"SECRET_KEY": KEY, "DATABASE_PASSWORD": "first"})
    assert fetch(text).returncode == 0
    secrets_manager.delete_secret(SecretId=f"of {tmp_path.name}", ForceDeleteWithoutRecovery=True)
    assert fetch(text.replace("first", "second")).returncode == 0
    [file] = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o400
    assert "second" in file.read_text()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no JSON", "is not a JSON object."),
        ("[]", "is not a JSON object."),
        ('{"SECRET_KEY": "a"}', "lacks DATABASE_PASSWORD."),
        ("{}", "lacks DATABASE_PASSWORD and SECRET_KEY."),
        ('{"SECRET_KEY": "two\\nlines", "DATABASE_PASSWORD": "p"}', "SECRET_KEY has characters"),
    ],
)
def test_an_unusable_secret_is_explained(fetch, tmp_path, text, sentence):
    fetched = fetch(text)
    assert fetched.returncode == 1
    assert sentence in fetched.stderr
    assert "Traceback" not in fetched.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_missing_secret_is_named(fetch):
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:nowhere"
    fetched = fetch("{}", SECRET_ARN=arn)
    assert fetched.returncode == 1
    assert fetched.stderr.startswith(f"SECRET_ARN={arn} can't be read: ")


def test_variables_that_are_not_set_are_named(fetch):
    fetched = fetch("{}", DATABASE_HOST="", DATABASE_USER="")
    assert fetched.returncode == 1
    assert fetched.stderr == "DATABASE_HOST and DATABASE_USER: not set.\n"
