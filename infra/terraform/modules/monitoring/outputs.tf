output "topic_arn" {
  description = "SNS topic of the alarms."
  value       = aws_sns_topic.alerts.arn
}

output "dashboard_url" {
  description = "Address of the dashboard."
  value = join("", [
    "https://${var.account.region}.console.aws.amazon.com/cloudwatch/home?region=${var.account.region}",
    "#dashboards/dashboard/${aws_cloudwatch_dashboard.this.dashboard_name}",
  ])
}
