variable "name" {
  description = "Name of the stack."
  type        = string
}

variable "account" {
  description = "Where the stack is."
  type        = object({ id = string, partition = string, region = string })
}

variable "queues" {
  description = "Names of the queues: requests and responses."
  type        = object({ requests = string, responses = string })
}

variable "dead_letter_queues" {
  description = "Names of the dead-letter queues: requests and responses."
  type        = object({ requests = string, responses = string })
}

variable "worker_group" {
  description = "Name of the workers' Auto Scaling Group."
  type        = string
}

variable "worker_max_size" {
  description = "Maximum number of workers."
  type        = number
}

variable "backlog_expression" {
  description = "Backlog per instance, as metric math on m_visible and m_inservice."
  type        = string
}

variable "load_balancer" {
  description = "Name of the load balancer in CloudWatch metrics."
  type        = string
}

variable "target_group" {
  description = "Name of the target group in CloudWatch metrics."
  type        = string
}

variable "alert_email" {
  description = "E-mail address for alarms; AWS first asks it for confirmation. null: alarms only go to the SNS topic."
  type        = string
}

variable "oldest_request_seconds" {
  description = "Age of the oldest waiting picture, in seconds, above which an alarm is sent."
  type        = number
}

variable "monthly_budget_usd" {
  description = "Budget in US dollars per month for the whole account. An alarm is sent if the actual or forecast cost exceeds it."
  type        = number
}
