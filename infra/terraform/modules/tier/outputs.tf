output "launch_template" {
  description = "Launch template, whose instances may do what they have to."
  value       = { id = aws_launch_template.this.id, version = aws_launch_template.this.latest_version }

  # The group depends on its role's permissions, so that its last instances can still drain before these are destroyed.
  depends_on = [
    aws_iam_role_policy.application,
    aws_iam_role_policy.instance,
    aws_iam_role_policy_attachment.session_manager,
  ]
}

output "environment" {
  description = "The environment that cloud-init writes to /etc/recognition/recognition.env."
  value       = local.environment
}

output "instance_policy" {
  description = "What the instance may do besides what the application may: JSON of an IAM policy."
  value       = aws_iam_role_policy.instance.policy
}
