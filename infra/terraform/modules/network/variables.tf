variable "name" {
  description = "Name of the stack."
  type        = string
}

variable "account" {
  description = "Where the stack is."
  type        = object({ id = string, partition = string, region = string })
}

variable "vpc_cidr" {
  description = "IP range of the VPC."
  type        = string
}

variable "zones" {
  description = "Number of availability zones."
  type        = number
}

variable "nat_per_zone" {
  description = "true: a NAT gateway in each zone; false: one for all."
  type        = bool
}

variable "interface_endpoints" {
  description = "true: calls to AWS stay inside the VPC. false: they use the NAT gateway."
  type        = bool
}

variable "allowed_cidrs" {
  description = "IP ranges from which the site can be reached."
  type        = list(string)
}

variable "https" {
  description = "true: the load balancer also listens on port 443."
  type        = bool
}

variable "log_retention_days" {
  description = "Days for which flow logs are kept."
  type        = number
}
