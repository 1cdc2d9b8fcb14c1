variable "name" {
  description = "Name of the stack."
  type        = string
}

variable "account" {
  description = "Where the stack is."
  type        = object({ id = string, partition = string, region = string })
}

variable "vpc_id" {
  description = "VPC."
  type        = string
}

variable "public_subnet_ids" {
  description = "Subnets of the load balancer."
  type        = list(string)
}

variable "private_subnet_ids" {
  description = "Subnets of the group."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Security groups; used are web and load-balancer."
  type        = map(string)
}

variable "access_logs_bucket" {
  description = "Bucket into which the load balancer writes its access logs."
  type        = string
}

variable "deletion_protection" {
  description = "true: the load balancer can't be deleted."
  type        = bool
}

variable "domain_name" {
  description = "Host name of the site; needs certificate_arn. null: the site has the load balancer's name and plain HTTP. Passwords, tokens and pictures can then be intercepted, cookies aren't marked secure, and the name changes with the load balancer. Use null only for trials, with allowed_cidrs."
  type        = string
}

variable "certificate_arn" {
  description = "ARN of the certificate for domain_name, in Certificate Manager, in this region."
  type        = string
}

variable "zone_id" {
  description = "Route 53 zone for the record that points domain_name to the load balancer. null: you create the record elsewhere."
  type        = string
}

variable "open_synchronous_routes" {
  description = "true: the routes of legacy clients (POST to / and /postApi/image) accept pictures without a token from everybody who can reach the site, also on port 80 without a redirect, which those clients don't follow. Their pictures can be intercepted."
  type        = bool
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
  description = "Instance type of the web tier."
  type        = string
}

variable "log_retention_days" {
  description = "Retention of logs in days."
  type        = number
}

variable "min_size" {
  description = "Minimum number of web instances. With 2 the site survives the loss of one."
  type        = number
}

variable "max_size" {
  description = "Maximum number of web instances. They are added while the CPUs are busy."
  type        = number
}

variable "policy" {
  description = "The application's permissions: an IAM policy as JSON."
  type        = string
}

variable "secret_arn" {
  description = "Secret that the instances read."
  type        = string
}

variable "environment" {
  description = "Environment variables of the tier (project/env.py) that this module doesn't set itself."
  type        = map(string)
}
