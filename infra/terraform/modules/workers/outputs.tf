output "group_name" {
  description = "Name of the Auto Scaling Group."
  value       = aws_autoscaling_group.this.name
}

output "environment" {
  description = "The environment that cloud-init writes to /etc/recognition/recognition.env."
  value       = module.tier.environment
}

output "backlog_expression" {
  description = "Backlog per instance, as metric math on m_visible and m_inservice."
  value       = local.backlog_expression
}

output "instance_policy" {
  description = "What an instance may do besides what policies/ says: JSON of an IAM policy."
  value       = module.tier.instance_policy
}
