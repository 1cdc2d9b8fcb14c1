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
  description = "Host name of the site, with certificate_arn. null: the site is reached by the load balancer's own name, over plain HTTP. Passwords, tokens and pictures are then readable on the way, cookies aren't marked secure, and the address changes with the load balancer: for trials alone, best with allowed_cidrs."
  type        = string
}

variable "certificate_arn" {
  description = "ARN of the certificate for domain_name, in Certificate Manager, in this region."
  type        = string
}

variable "zone_id" {
  description = "Route 53 zone in which domain_name is made to point to the load balancer; null: that is done elsewhere."
  type        = string
}

variable "open_synchronous_routes" {
  description = "true: the routes of the old clients (POST to / and /postApi/image) take pictures from anybody who can reach the site, without a token, and on port 80 without a redirect, which those clients wouldn't follow. Their pictures are readable on the way."
  type        = bool
}

variable "ami_id" {
  description = "Machine image."
  type        = string
}

variable "root_device_name" {
  description = "Name of the root device in the machine images; a wrong one adds a second disk and leaves the root unencrypted."
  type        = string
}

variable "instance_type" {
  description = "Instance type of the web tier."
  type        = string
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
}

variable "min_size" {
  description = "Web instances at least; with 2 the site outlives one of them."
  type        = number
}

variable "max_size" {
  description = "Web instances at most; they are added where their processors are busy."
  type        = number
}

variable "policy" {
  description = "What the application may do: JSON of an IAM policy."
  type        = string
}

variable "secret_arn" {
  description = "Secret that the instances read."
  type        = string
}

variable "environment" {
  description = "The tier's variables of project/env.py that this module doesn't set itself."
  type        = map(string)
}
