"""Each tier's IAM policy, tested on an emulator that enforces it: only what the tier needs is allowed."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.promises.access_is_guarded.guarded import ACCOUNT, BUCKETS, QUEUES, ROLES, Guarded
from tests.system.harness import RESPONSES, ROOT, running, wait_until

pytest.importorskip("moto", reason="moto, the emulator that enforces IAM, is not installed")

Calls = dict[str, Callable[[], Any]]

CATS = {"tiger cat", "tabby", "Egyptian cat"}
TABLE = ROOT / "docs" / "permissions.md"
REPEATED_RECORD = """
from dataclasses import replace
from project.aws import storage
from tests.test_contract import RECORD
storage.put_record(RECORD)
assert storage.put_record(replace(RECORD, label="other")) == RECORD
"""
MISSING_PICTURE = """
from project.aws import storage
try:
    storage.get_picture("nowhere.jpg")
except storage.PictureMissing:
    print("missing")
"""
REDRIVE = """
import os
from django.core.management import execute_from_command_line
os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
execute_from_command_line(["manage.py", "redrive", "--all"])
"""
MISSING_RECORD = """
from project.aws import storage
print(storage.get_record("nowhere"))
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with running(Guarded(tmp_path_factory.mktemp("guarded")), workers=1, flower=True) as system:
        system.start_dead_letter_consumer("letters1")
        system.wait_until_ready()
        yield system


def table() -> dict[str, dict[str, set[str]]]:
    """Return each role's permissions on each resource, as documented."""
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in TABLE.read_text().splitlines()
        if line.startswith("|") and not line.startswith("|---")
    ]
    roles = rows[0][1:]
    return {
        role: {cells[0]: set(filter(None, cells[column].split(", "))) for cells in rows[1:]}
        for column, role in enumerate(roles, start=1)
    }


def bucket_calls(s3: Any, bucket: str) -> Calls:
    of = {"Bucket": bucket}
    return {
        "ListBucket": lambda: s3.list_objects_v2(**of),
        "GetObject": lambda: s3.get_object(**of, Key="any"),
        "PutObject": lambda: s3.put_object(**of, Key="any", Body=b""),
        "DeleteObject": lambda: s3.delete_object(**of, Key="any"),
        "PutBucketPolicy": lambda: s3.put_bucket_policy(**of, Policy="{}"),
        "GetBucketPolicy": lambda: s3.get_bucket_policy(**of),
        "DeleteBucket": lambda: s3.delete_bucket(**of),
    }


def queue_calls(sqs: Any, url: str) -> Calls:
    of = {"QueueUrl": url}
    return {
        "SendMessage": lambda: sqs.send_message(**of, MessageBody="any"),
        "ReceiveMessage": lambda: sqs.receive_message(**of),
        "DeleteMessage": lambda: sqs.delete_message(**of, ReceiptHandle="any"),
        "ChangeMessageVisibility": lambda: sqs.change_message_visibility(
            **of, ReceiptHandle="any", VisibilityTimeout=0
        ),
        "GetQueueAttributes": lambda: sqs.get_queue_attributes(**of, AttributeNames=["QueueArn"]),
        "SetQueueAttributes": lambda: sqs.set_queue_attributes(**of, Attributes={"DelaySeconds": "1"}),
        "PurgeQueue": lambda: sqs.purge_queue(**of),
        "DeleteQueue": lambda: sqs.delete_queue(**of),
    }


def account_calls(system: Guarded, role: str) -> Calls:
    s3, sqs, iam, sts = (system.client_of(role, service) for service in ("s3", "sqs", "iam", "sts"))
    another = f"arn:aws:iam::{ACCOUNT}:role/{'web' if role == 'worker' else 'worker'}"
    return {
        "s3:ListBuckets": s3.list_buckets,
        "s3:CreateBucket": lambda: s3.create_bucket(Bucket="another"),
        "sqs:ListQueues": sqs.list_queues,
        "sqs:CreateQueue": lambda: sqs.create_queue(QueueName="another"),
        "iam:CreateUser": lambda: iam.create_user(UserName="another"),
        "iam:ListRoles": iam.list_roles,
        "iam:PutRolePolicy": lambda: iam.put_role_policy(RoleName=role, PolicyName="more", PolicyDocument="{}"),
        "sts:AssumeRole": lambda: sts.assume_role(RoleArn=another, RoleSessionName="another"),
    }


def allowed(calls: Calls) -> set[str]:
    return {action for action, call in calls.items() if is_allowed(call)}


def is_allowed(call: Callable[[], Any]) -> bool:
    """Return whether IAM allows a call. Other errors, such as a missing object, don't matter."""
    try:
        call()
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"] != 403
    return True


def test_the_system_works_with_its_roles_alone(system: Guarded) -> None:
    with system.client(timeout=90) as client:
        file = ("chelsea.png", (ROOT / "samples" / "chelsea.png").read_bytes())
        answer = client.post("/api/v1/classifications", files={"file": file}, headers={"Prefer": "wait=60"})
        assert answer.json()["label"] in CATS
        wait_until(lambda: client.get(f"{system.flower}/api/tasks").json(), 30, "Flower shows the task")
        again = client.post(f"{answer.json()['url']}/rerun", headers={"Prefer": "wait=60"})
        assert again.json()["label"] == answer.json()["label"]
    queue = system.client_of("web", "sqs")
    queue.send_message(QueueUrl=system.queue_url(RESPONSES), MessageBody="nonsense")
    wait_until(lambda: "dead letter stored" in system.log("letters1"), 30, "what can't be read becomes a row")
    redriven = system.run_as("web", REDRIVE)
    assert (redriven.returncode, redriven.stdout.strip()) == (0, "1 redriven"), redriven.stderr
    # Of the tests this one is the first, so all that was asked of the emulator was asked by the processes.
    assert '" 403 ' not in system.log("aws")


@pytest.mark.parametrize(
    ("role", "code", "said"),
    [
        ("worker", REPEATED_RECORD, ""),
        ("worker", MISSING_PICTURE, "missing"),
        ("web", MISSING_RECORD, "None"),
    ],
    ids=["a record that is there", "a picture that is missing", "a record that is missing"],
)
def test_rare_calls_are_allowed_too(system: Guarded, role: str, code: str, said: str) -> None:
    done = system.run_as(role, code)
    assert (done.returncode, done.stdout.strip()) == (0, said), done.stderr


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_the_documentation_says_and_nothing_else(system: Guarded, role: str) -> None:
    s3, sqs = system.client_of(role, "s3"), system.client_of(role, "sqs")
    tried = {
        **{f"{name} bucket": bucket_calls(s3, bucket) for name, bucket in BUCKETS.items()},
        **{f"{name.replace('_', ' ')} queue": queue_calls(sqs, system.queue_url(q)) for name, q in QUEUES.items()},
    }
    assert {resource: allowed(calls) for resource, calls in tried.items()} == table()[role]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_nothing_with_the_account(system: Guarded, role: str) -> None:
    assert allowed(account_calls(system, role)) == set()
