variable "region" {
  description = "AWS region, in which the machine images are too."
  type        = string
  default     = "us-east-1"
  nullable    = false
}

variable "name" {
  description = "Name of the stack; every resource's name begins with it."
  type        = string
  default     = "recognition"
  nullable    = false
}

variable "worker_ami_id" {
  description = "Machine image of the workers, baked by infra/ami."
  type        = string
}

variable "web_ami_id" {
  description = "Machine image of the web tier and of Flower, baked by infra/ami."
  type        = string
}

variable "allowed_cidrs" {
  description = "Addresses from which the site can be reached: your own, since all that is sent is readable on the way. For example [\"198.51.100.7/32\"]."
  type        = list(string)
}

variable "alert_email" {
  description = "Address that gets the alarms; null: nobody."
  type        = string
  default     = null
}
