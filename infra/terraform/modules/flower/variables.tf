variable "name" {
  description = "Name of the stack."
  type        = string
}

variable "account" {
  description = "Where the stack is."
  type        = object({ id = string, partition = string, region = string })
}

variable "subnet_ids" {
  description = "Subnets of the group."
  type        = list(string)
}

variable "security_group_id" {
  description = "Security group."
  type        = string
}

variable "policy" {
  description = "The application's permissions: an IAM policy as JSON."
  type        = string
}

variable "environment" {
  description = "Environment variables of the tier (project/env.py) that this module doesn't set itself."
  type        = map(string)
}

variable "ami_id" {
  description = "Machine image."
  type        = string
}

variable "root_device_name" {
  description = "Name of the root device in the machine images. A wrong name adds a second disk and leaves the root disk unencrypted."
  type        = string
}

variable "instance_type" {
  description = "Instance type of Flower's one instance."
  type        = string
}

variable "log_retention_days" {
  description = "Retention of logs in days."
  type        = number
}
