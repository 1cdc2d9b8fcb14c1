output "launch_template" {
  description = "Launch template, whose instances may do what they have to."
  value       = { id = aws_launch_template.this.id, version = aws_launch_template.this.latest_version }

  # A group is made after its role's rights, and is gone before them: its last instances still drain by these.
  depends_on = [
    aws_iam_role_policy.application,
    aws_iam_role_policy.instance,
    aws_iam_role_policy_attachment.session_manager,
  ]
}

output "environment" {
  description = "What cloud-init writes to /etc/recognition/recognition.env."
  value       = local.environment
}

output "instance_policy" {
  description = "What the instance may do besides what the application may: JSON of an IAM policy."
  value       = aws_iam_role_policy.instance.policy
}
