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
  description = "Workers at most."
  type        = number
}

variable "backlog_expression" {
  description = "Backlog per instance, as metric math on m_visible and m_inservice."
  type        = string
}

variable "load_balancer" {
  description = "What metrics call the load balancer."
  type        = string
}

variable "target_group" {
  description = "What metrics call the target group."
  type        = string
}

variable "alert_email" {
  description = "Address that gets the alarms; AWS asks it first whether it wants them. null: they only go to the SNS topic."
  type        = string
}

variable "oldest_request_seconds" {
  description = "Age of the oldest waiting picture above which an alarm goes off."
  type        = number
}

variable "monthly_budget_usd" {
  description = "Dollars a month above which, spent or foreseen, an alarm goes off. It counts the whole account."
  type        = number
}
