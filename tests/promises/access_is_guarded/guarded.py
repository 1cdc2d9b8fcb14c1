"""A system on an emulator that enforces IAM: each process has the credentials of its role, and no others."""

import json
import subprocess
import sys
from pathlib import Path
from string import Template
from typing import Any

import boto3
import httpx

from tests.system.harness import (
    DEAD_LETTERS,
    EVENTS,
    INPUT_BUCKET,
    OUTPUT_BUCKET,
    REQUESTS,
    RESPONSES,
    ROOT,
    System,
    answers,
)

ACCOUNT = "123456789012"
ROLES = ("worker", "web", "flower")
ROLE_OF = {"worker1": "worker", "web": "web", "results1": "web", "letters1": "web", "flower": "flower"}
POLICIES = ROOT / "infra" / "terraform" / "policies"
BATCHED = ("sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")
BUCKETS = {"input": INPUT_BUCKET, "output": OUTPUT_BUCKET}
QUEUES = {
    "request": REQUESTS,
    "response": RESPONSES,
    "event": EVENTS,
    "request_dead_letter": DEAD_LETTERS[0],
    "response_dead_letter": DEAD_LETTERS[1],
}
TRUST = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}


def policy(role: str) -> dict[str, Any]:
    """Return a role's policy, with the names that Terraform would put in."""
    arns = {
        **{f"{name}_bucket_arn": f"arn:aws:s3:::{bucket}" for name, bucket in BUCKETS.items()},
        **{f"{name}_queue_arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}" for name, queue in QUEUES.items()},
    }
    document: dict[str, Any] = json.loads(Template((POLICIES / f"{role}.json.tftpl").read_text()).substitute(arns))
    return document


def for_the_emulator(document: dict[str, Any]) -> str:
    """Return a policy's text with batch actions too: in AWS they are no actions of their own, in moto they are."""
    for statement in document["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        statement["Action"] = [*actions, *(f"{action}Batch" for action in actions if action in BATCHED)]
    return json.dumps(document)


class Guarded(System):
    def __init__(self, state: Path) -> None:
        super().__init__(state)
        self.credentials: dict[str, dict[str, str]] = {}

    def queue_url(self, name: str) -> str:
        return f"{self.aws_url}/{ACCOUNT}/{name}"

    def start_emulator(self) -> None:
        self._start("aws", ["-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.aws_port)])
        self._wait_for("aws", lambda: answers(self.aws_url))

    def prepare(self) -> None:
        """Create everything, then the roles. From then on only what a policy allows is permitted."""
        super().prepare()
        self.set_queue(RESPONSES, VisibilityTimeout=1, max_receives=2)
        for role in ROLES:
            self._make_role(role)
        httpx.post(f"{self.aws_url}/moto-api/reset-auth", content=b"0", headers={"Content-Type": "text/plain"})

    def _make_role(self, role: str) -> None:
        iam, sts = self._aws("iam"), self._aws("sts")
        trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=for_the_emulator(policy(role)))
        made = sts.assume_role(RoleArn=arn, RoleSessionName=role)["Credentials"]
        self.credentials[role] = {
            "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
            "AWS_SESSION_TOKEN": made["SessionToken"],
        }

    def _start(self, name: str, arguments: list[str], environ: dict[str, str] | None = None, cwd: Path = ROOT) -> None:
        own = self.credentials[ROLE_OF[name]] if name in ROLE_OF else {}
        super()._start(name, arguments, {**(environ or self.web_environment), **own}, cwd)

    def run_as(self, role: str, code: str) -> subprocess.CompletedProcess[str]:
        """Run a piece of our own code with the rights of a role."""
        environ = {**self.web_environment, **self.credentials[role]}
        return subprocess.run(
            [sys.executable, "-c", code], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )

    def client_of(self, role: str, service: str) -> Any:
        own = {name.lower(): value for name, value in self.credentials[role].items()}
        return boto3.client(service, endpoint_url=self.aws_url, region_name="us-east-1", **own)
