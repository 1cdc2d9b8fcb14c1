variable "name" {
  description = "Name of the stack."
  type        = string
}

variable "tier" {
  description = "worker, web or flower: recognition-TIER.target is what the instance starts."
  type        = string
}

variable "group_name" {
  description = "Name of the Auto Scaling Group that uses the launch template."
  type        = string
}

variable "account" {
  description = "Where the stack is."
  type        = object({ id = string, partition = string, region = string })
}

variable "ami_id" {
  description = "Machine image."
  type        = string
}

variable "instance_type" {
  description = "Instance type, where the group names no other."
  type        = string
}

variable "root_device_name" {
  description = "Name of the root device in the machine image."
  type        = string
}

variable "volume_gb" {
  description = "Size of the disk in GB."
  type        = number
}

variable "security_group_id" {
  description = "Security group."
  type        = string
}

variable "environment" {
  description = "The tier's variables of project/env.py, and what its units read besides."
  type        = map(string)
}

variable "policy" {
  description = "The application's permissions: an IAM policy as JSON."
  type        = string
}

variable "statements" {
  description = "What the instance may do besides: statements of an IAM policy."
  type        = list(object({ Sid = string, Effect = string, Action = list(string), Resource = list(string) }))
  default     = []
}

variable "hooks" {
  description = "Names of the group's lifecycle hooks; empty where it has none."
  type        = object({ launch = string, termination = string })
  default     = { launch = "", termination = "" }
}

variable "log_retention_days" {
  description = "Retention of logs in days."
  type        = number
}
