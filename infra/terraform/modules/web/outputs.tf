output "group_name" {
  description = "Name of the Auto Scaling Group."
  value       = aws_autoscaling_group.this.name
}

output "environment" {
  description = "The environment that cloud-init writes to /etc/recognition/recognition.env."
  value       = module.tier.environment
}

output "site_url" {
  description = "Address of the site."
  value       = local.site_url
}

output "load_balancer_name" {
  description = "DNS name of the load balancer."
  value       = aws_lb.this.dns_name
}

output "load_balancer_suffix" {
  description = "Name of the load balancer in CloudWatch metrics."
  value       = aws_lb.this.arn_suffix
}

output "target_group_suffix" {
  description = "Name of the target group in CloudWatch metrics."
  value       = aws_lb_target_group.this.arn_suffix
}

output "instance_policy" {
  description = "What an instance may do besides what policies/ says: JSON of an IAM policy."
  value       = module.tier.instance_policy
}
