"""The roles' policies are well formed: every action exists, and none is given on more than is named."""

import json

import pytest

from tests.infra import tools
from tests.promises.access_is_guarded.guarded import ROLES, policy


@pytest.mark.parametrize("role", ROLES)
def test_parliament_finds_nothing(role: str):
    done = tools.run("parliament", "--string", json.dumps(policy(role)))
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": "sqs:ReceiveAll", "Resource": "arn:aws:sqs:us-east-1:123456789012:any"},
        {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::any"},
    ],
)
def test_parliament_would_find_a_wrong_statement(statement: dict[str, str]):
    document = {"Version": "2012-10-17", "Statement": [statement]}
    assert tools.run("parliament", "--string", json.dumps(document)).returncode == 1
