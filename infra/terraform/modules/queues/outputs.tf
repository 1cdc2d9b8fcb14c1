locals {
  about = { for key, queue in local.all : key => { name = queue.name, arn = queue.arn, url = queue.url } }
}

output "requests" {
  description = "Queue of pictures to classify."
  value       = local.about["requests"]
}

output "responses" {
  description = "Queue on which results are announced."
  value       = local.about["responses"]
}

output "events" {
  description = "Queue of the events that Flower shows."
  value       = local.about["events"]
}

output "request_dead_letters" {
  description = "Queue of requests that no worker could answer."
  value       = local.about["requests-dead-letters"]
}

output "response_dead_letters" {
  description = "Queue of announcements that no consumer could read."
  value       = local.about["responses-dead-letters"]
}
