output "group_name" {
  description = "Name of the Auto Scaling Group."
  value       = aws_autoscaling_group.this.name
}

output "environment" {
  description = "The environment that cloud-init writes to /etc/recognition/recognition.env."
  value       = module.tier.environment
}
