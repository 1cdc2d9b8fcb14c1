output "site_url" {
  description = "Address of the site."
  value       = module.web.site_url
}

output "load_balancer_name" {
  description = "DNS name of the load balancer. Without zone_id, point domain_name to it yourself."
  value       = module.web.load_balancer_name
}

output "worker_environment" {
  description = "The environment that cloud-init writes to /etc/recognition/recognition.env on a worker."
  value       = module.workers.environment
}

output "web_environment" {
  description = "The environment that cloud-init writes to /etc/recognition/recognition.env on a web instance."
  value       = module.web.environment
}

output "flower_environment" {
  description = "The environment that cloud-init writes to /etc/recognition/recognition.env on Flower's instance."
  value       = module.flower.environment
}

output "groups" {
  description = "Names of the Auto Scaling Groups."
  value       = local.groups
}

output "queue_urls" {
  description = "URLs of the queues."
  value = {
    requests              = module.queues.requests.url
    responses             = module.queues.responses.url
    events                = module.queues.events.url
    request_dead_letters  = module.queues.request_dead_letters.url
    response_dead_letters = module.queues.response_dead_letters.url
  }
}

output "buckets" {
  description = "Names of the buckets."
  value = {
    input  = module.storage.input.name
    output = module.storage.output.name
    logs   = module.storage.logs_bucket
  }
}

output "policies" {
  description = "The permissions of each tier's application: the IAM policies in policies/ as JSON."
  value       = local.policies
}

output "secret_arn" {
  description = "Secret with SECRET_KEY and DATABASE_PASSWORD."
  value       = module.database.secret_arn
}

output "alerts_topic_arn" {
  description = "SNS topic of the alarms."
  value       = module.monitoring.topic_arn
}

output "dashboard_url" {
  description = "Address of the dashboard."
  value       = module.monitoring.dashboard_url
}

locals {
  groups = {
    worker = module.workers.group_name
    web    = module.web.group_name
    flower = module.flower.group_name
  }

  session = {
    for tier, group in local.groups :
    tier => join(" ", [
      "aws ssm start-session --region ${local.account.region} --target",
      "\"$(aws autoscaling describe-auto-scaling-groups --region ${local.account.region}",
      "--auto-scaling-group-names ${group} --query 'AutoScalingGroups[0].Instances[0].InstanceId' --output text)\"",
    ])
  }
}

output "flower_command" {
  description = "Command that makes Flower available at http://127.0.0.1:5555. It needs permission to start Session Manager sessions."
  value = join(" ", [
    local.session.flower,
    "--document-name AWS-StartPortForwardingSession --parameters portNumber=5555,localPortNumber=5555",
  ])
}

output "shell_commands" {
  description = "Commands that open a shell on the first instance of each group."
  value       = local.session
}
