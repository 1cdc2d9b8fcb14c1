variable "region" {
  description = "AWS region; the machine images must be in it."
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
  description = "IP ranges from which the site can be reached. Use your own, because plain HTTP can be intercepted. For example [\"198.51.100.7/32\"]."
  type        = list(string)
}

variable "alert_email" {
  description = "E-mail address for alarms. null: none."
  type        = string
  default     = null
}
