"""The minimal stack made and unmade on an emulator; what was made is compared with what the application expects.

Two minutes to make and one to unmake: the slow stage of `make check-infra`. The tests run in the order they stand in.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from infra.local.resources import EVENTS, REQUESTS, RESPONSES, Queue
from project import env
from project.aws.clients import s3, sqs
from tests.infra import tools
from tests.infra.terraform import Workspace

pytestmark = pytest.mark.timeout(900)

TIERS = ("worker", "web", "flower")
VARIABLES = {
    "worker_ami_id": "ami-12c6146b",  # An image that moto knows.
    "web_ami_id": "ami-12c6146b",
    "allowed_cidrs": ["198.51.100.7/32"],
}
LEFT_OUT = {
    # moto doesn't store this attribute, and the provider waits for it for ever.
    "queues": 'resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {\n  for_each = {}\n}\n',
    # moto has no budgets.
    "monitoring": 'resource "aws_budgets_budget" "monthly" {\n  count = 0\n}\n',
}
SECRETS = {"SECRET_KEY": "0123456789" * 5, "DATABASE_URL": "postgres://user:password@host/name"}
"""What fetch-secrets adds to the web tier's environment."""


class Applied:
    """The stack on the emulator: its outputs, and clients of the emulator, with all rights or with those of a role."""

    def __init__(self, workspace: Workspace, endpoint: str) -> None:
        self.workspace = workspace
        self.endpoint = endpoint
        self.outputs: dict[str, Any] = json.loads(workspace.run("output", "-json"))["recognition"]["value"]

    def client(self, service: str, **credentials: str) -> Any:
        own = credentials or {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        return boto3.client(service, endpoint_url=self.endpoint, region_name="us-east-1", **own)

    def credentials(self, tier: str) -> dict[str, str]:
        arn = self.client("iam").get_role(RoleName=f"recognition-{tier}")["Role"]["Arn"]
        made = self.client("sts").assume_role(RoleArn=arn, RoleSessionName=tier)["Credentials"]
        return {
            "aws_access_key_id": made["AccessKeyId"],
            "aws_secret_access_key": made["SecretAccessKey"],
            "aws_session_token": made["SessionToken"],
        }

    def enforce_iam(self, enforced: bool) -> None:
        content = b"0" if enforced else b"inf"
        httpx.post(f"{self.endpoint}/moto-api/reset-auth", content=content, headers={"Content-Type": "text/plain"})


@pytest.fixture(scope="module")
def applied(stack: Workspace, moto: str) -> Applied:
    for module, override in LEFT_OUT.items():
        (stack.stack / "modules" / module / "emulator_override.tf").write_text(override)
    stack.give(**VARIABLES)
    stack.run("apply", "-auto-approve", "-input=false", "-no-color")
    return Applied(stack, moto)


@pytest.mark.parametrize("queue", [REQUESTS, RESPONSES, EVENTS], ids=lambda queue: queue.name)
def test_the_queues_match_those_of_a_local_stack(applied: Applied, emulator: None, queue: Queue):
    names = [queue.name, *([queue.dead_letter_name] if queue.max_receives else [])]
    assert [attributes(applied.client("sqs"), name) for name in names] == [attributes(sqs(), name) for name in names]


def attributes(client: Any, queue: str) -> dict[str, Any]:
    """Return what a queue does with messages."""
    url = client.get_queue_url(QueueName=queue)["QueueUrl"]
    found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    redrive = json.loads(found.get("RedrivePolicy", "{}"))
    return {
        **{name: found[name] for name in ("VisibilityTimeout", "MessageRetentionPeriod", "DelaySeconds")},
        "max_receives": redrive.get("maxReceiveCount"),
        "dead_letters": redrive.get("deadLetterTargetArn", "").rpartition(":")[2],
    }


def test_the_buckets_match_those_of_a_local_stack(applied: Applied, emulator: None):
    local = {bucket["Name"].removeprefix("recognition-") for bucket in s3().list_buckets()["Buckets"]}
    made = {bucket["Name"].rpartition("-")[2] for bucket in applied.client("s3").list_buckets()["Buckets"]}
    assert made - {"logs"} == local  # Nothing writes access logs on one machine.


def test_a_workers_environment_has_what_the_application_reads(applied: Applied):
    environ = applied.outputs["worker_environment"]
    worker, aws = env.read(env.Worker, environ), env.read(env.Aws, environ)
    assert (worker.model, worker.max_batch_size, worker.threads) == ("resnet50", 8, 2)
    assert aws.input_bucket == applied.outputs["buckets"]["input"]
    assert aws.event_queue_url == applied.outputs["queue_urls"]["events"]
    alarm = applied.client("cloudwatch").describe_alarms(AlarmNames=["recognition-backlog-low"])["MetricAlarms"][0]
    [expression] = [one["Expression"] for one in alarm["Metrics"] if "Expression" in one]
    assert "(m_visible + m_inflight) / 2)" in expression


def test_the_web_tiers_environment_has_what_the_application_reads(applied: Applied):
    environ = {**applied.outputs["web_environment"], **SECRETS}
    web, aws = env.read(env.Web, environ), env.read(env.Aws, environ)
    assert web.allowed_hosts == (applied.outputs["load_balancer_name"],)
    assert not web.https
    assert web.request_dead_letter_queue_url == applied.outputs["queue_urls"]["request_dead_letters"]
    assert aws.output_bucket == applied.outputs["buckets"]["output"]


def test_rows_are_kept_as_long_as_records(applied: Applied):
    bucket = applied.outputs["buckets"]["output"]
    [rule] = applied.client("s3").get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert applied.outputs["web_environment"]["RETENTION_DAYS"] == str(rule["Expiration"]["Days"])


def test_flowers_environment_has_what_the_application_reads(applied: Applied):
    assert env.read(env.Aws, applied.outputs["flower_environment"]).event_queue_url


@pytest.mark.parametrize("tier", TIERS)
def test_cloud_init_accepts_the_user_data_and_writes_the_environment(applied: Applied, tier: str, tmp_path: Path):
    ec2 = applied.client("ec2")
    of = {"LaunchTemplateName": f"recognition-{tier}", "Versions": ["$Latest"]}
    [version] = ec2.describe_launch_template_versions(**of)["LaunchTemplateVersions"]
    user_data = tmp_path / "user-data.yaml"
    user_data.write_bytes(base64.b64decode(version["LaunchTemplateData"]["UserData"]))
    done = tools.run("cloud-init", "schema", "--config-file", user_data)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.strip() for line in user_data.read_text().splitlines()]
    for name, value in applied.outputs[f"{tier}_environment"].items():
        assert f"{name}={value}" in lines


@pytest.mark.parametrize("tier", TIERS)
def test_a_role_has_the_tested_policy(applied: Applied, tier: str):
    of = {"RoleName": f"recognition-{tier}", "PolicyName": "application"}
    assert applied.client("iam").get_role_policy(**of)["PolicyDocument"] == json.loads(
        applied.outputs["policies"][tier]
    )


@pytest.mark.parametrize("tier", TIERS)
def test_parliament_finds_nothing_in_the_instance_policy(applied: Applied, tier: str):
    done = tools.run("parliament", "--string", json.dumps(instance_policy(applied, tier)))
    assert (done.returncode, done.stdout) == (0, "")


@pytest.fixture
def roles(applied: Applied) -> Iterator[dict[str, dict[str, str]]]:
    """The credentials of each tier's role, while the emulator enforces IAM.

    moto compares resources for S3 and SQS alone, so what instances need besides is given here for all resources.
    """
    iam = applied.client("iam")
    for tier in TIERS:
        document = instance_policy(applied, tier)
        for statement in document["Statement"]:
            statement["Resource"] = "*"
        of = {"RoleName": f"recognition-{tier}", "PolicyName": "instance"}
        iam.put_role_policy(**of, PolicyDocument=json.dumps(document))
    found = {tier: applied.credentials(tier) for tier in TIERS}
    applied.enforce_iam(True)
    yield found
    applied.enforce_iam(False)


def instance_policy(applied: Applied, tier: str) -> dict[str, Any]:
    found = applied.client("iam").get_role_policy(RoleName=f"recognition-{tier}", PolicyName="instance")
    document: dict[str, Any] = found["PolicyDocument"]
    return document


@pytest.mark.parametrize("tier", TIERS)
def test_the_instance_policy_covers_only_its_own_resources(applied: Applied, tier: str):
    resources = [one for statement in instance_policy(applied, tier)["Statement"] for one in statement["Resource"]]
    group = applied.outputs["groups"][tier]
    own = (f"autoScalingGroupName/{group}", f"log-group:/recognition/{tier}:*", applied.outputs["secret_arn"])
    assert resources
    assert [one for one in resources if not one.endswith(own)] == []


def test_the_instance_policy_allows_what_is_needed_and_no_more(applied: Applied, roles: dict[str, dict[str, str]]):
    assert {tier: allowed(applied, roles[tier]) for tier in TIERS} == {
        "worker": {"complete a hook", "lengthen a hook", "write logs"},
        "web": {"complete a hook", "lengthen a hook", "write logs", "read a secret"},
        "flower": {"write logs"},
    }


def allowed(applied: Applied, credentials: dict[str, str]) -> set[str]:
    """Return which calls get past IAM; what they are answered then doesn't count."""
    names = ("autoscaling", "logs", "secretsmanager", "ec2", "ssm", "iam")
    clients = {name: applied.client(name, **credentials) for name in names}
    groups, logs, secrets = clients["autoscaling"], clients["logs"], clients["secretsmanager"]
    hook = {"LifecycleHookName": "drain", "AutoScalingGroupName": "any", "InstanceId": "i-1"}
    stream = {"logGroupName": "any", "logStreamName": "any"}
    secret = {"SecretId": applied.outputs["secret_arn"]}
    calls = {
        "complete a hook": lambda: groups.complete_lifecycle_action(**hook, LifecycleActionResult="CONTINUE"),
        "lengthen a hook": lambda: groups.record_lifecycle_action_heartbeat(**hook),
        "change a group": lambda: groups.set_desired_capacity(AutoScalingGroupName="any", DesiredCapacity=20),
        "write logs": lambda: logs.put_log_events(**stream, logEvents=[{"timestamp": 0, "message": "any"}]),
        "delete logs": lambda: logs.delete_log_group(logGroupName="any"),
        "read a secret": lambda: secrets.get_secret_value(**secret),
        "change a secret": lambda: secrets.put_secret_value(**secret, SecretString="any"),
        "see instances": clients["ec2"].describe_instances,
        "start instances": lambda: clients["ec2"].run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1),
        "see roles": clients["iam"].list_roles,
    }
    return {name for name, call in calls.items() if gets_past_iam(call)}


def gets_past_iam(call: Any) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"] != 403
    except ResponseParserError:
        return True  # moto lets the call in, and fails at it.
    return True


def test_only_the_load_balancer_accepts_connections_from_outside(applied: Applied):
    groups = applied.client("ec2").describe_security_groups()["SecurityGroups"]
    names = {group["GroupId"]: group["GroupName"].removeprefix("recognition-") for group in groups}
    entries = {
        (names[group["GroupId"]], rule["FromPort"], origin)
        for group in groups
        for rule in group["IpPermissions"]
        for origin in [
            *(names[pair["GroupId"]] for pair in rule["UserIdGroupPairs"]),
            *(one["CidrIp"] for one in rule["IpRanges"]),
        ]
        if group["GroupName"].startswith("recognition-")
    }
    assert entries == {
        ("load-balancer", 80, "198.51.100.7/32"),
        ("web", 8000, "load-balancer"),
        ("database", 5432, "web"),
        ("endpoints", 443, "10.40.0.0/16"),
    }


def test_the_state_contains_no_secret(applied: Applied):
    found = applied.client("secretsmanager").get_secret_value(SecretId=applied.outputs["secret_arn"])
    secret = json.loads(found["SecretString"])
    assert set(secret) == {"SECRET_KEY", "DATABASE_PASSWORD"}
    state = applied.workspace.run("state", "pull")
    assert not [name for name, value in secret.items() if value in state]


def test_destroy_removes_everything(applied: Applied):
    applied.workspace.run("destroy", "-auto-approve", "-input=false", "-no-color")
    assert applied.workspace.run("state", "list") == ""
    assert "QueueUrls" not in applied.client("sqs").list_queues()
    assert applied.client("s3").list_buckets()["Buckets"] == []
    assert applied.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert [role for role in applied.client("iam").list_roles()["Roles"] if "recognition" in role["RoleName"]] == []
