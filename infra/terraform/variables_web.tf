# Web tier

variable "web_ami_id" {
  description = "Machine image of the web tier and of Flower, baked by infra/ami."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^ami-[0-9a-f]{8,17}$", var.web_ami_id))
    error_message = "web_ami_id must look like ami-0123456789abcdef0."
  }
}

variable "web_instance_type" {
  description = "Instance type of the web tier."
  type        = string
  default     = "t3.small"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9-]+$", var.web_instance_type))
    error_message = "web_instance_type must look like t3.small."
  }
}

variable "web_min_size" {
  description = "Minimum number of web instances. With 2 the site survives the loss of one."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.web_min_size >= 1 && floor(var.web_min_size) == var.web_min_size
    error_message = "web_min_size must be a whole number of 1 or more."
  }
}

variable "web_max_size" {
  description = "Maximum number of web instances. They are added while the CPUs are busy."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition = (
      var.web_max_size >= var.web_min_size
      && var.web_max_size <= 50
      && floor(var.web_max_size) == var.web_max_size
    )
    error_message = "web_max_size must be a whole number from web_min_size to 50."
  }
}

variable "domain_name" {
  description = "Host name of the site; needs certificate_arn. null: the site has the load balancer's name and plain HTTP. Passwords, tokens and pictures can then be intercepted, cookies aren't marked secure, and the name changes with the load balancer. Use null only for trials, with allowed_cidrs."
  type        = string
  default     = null

  validation {
    condition     = var.domain_name == null || can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$", var.domain_name))
    error_message = "domain_name must be a host name in lower case, such as pictures.example.org."
  }
  validation {
    condition     = (var.domain_name == null) == (var.certificate_arn == null)
    error_message = "domain_name and certificate_arn are given together, or neither."
  }
}

variable "certificate_arn" {
  description = "ARN of the certificate for domain_name, in Certificate Manager, in this region."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null || can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+$", var.certificate_arn))
    error_message = "certificate_arn must look like arn:aws:acm:REGION:ACCOUNT:certificate/ID."
  }
}

variable "zone_id" {
  description = "Route 53 zone for the record that points domain_name to the load balancer. null: you create the record elsewhere."
  type        = string
  default     = null

  validation {
    condition     = var.zone_id == null || can(regex("^Z[A-Z0-9]{1,31}$", var.zone_id))
    error_message = "zone_id must look like Z0123456789ABCDEFGHIJ."
  }
  validation {
    condition     = var.zone_id == null || var.domain_name != null
    error_message = "zone_id has no meaning without domain_name."
  }
}

variable "open_synchronous_routes" {
  description = "true: the routes of legacy clients (POST to / and /postApi/image) accept pictures without a token from everybody who can reach the site, also on port 80 without a redirect, which those clients don't follow. Their pictures can be intercepted."
  type        = bool
  default     = false
  nullable    = false
}

variable "web_settings" {
  description = "Other variables of project/env.py for the web tier, such as { MAX_BACKLOG = \"20000\" }."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for key, value in var.web_settings :
      can(regex("^[A-Z][A-Z0-9_]*$", key)) && can(regex("^[^\\s\"'\\\\]*$", value))
      && !contains(local.reserved_settings, key)
    ])
    error_message = "web_settings must have names in capitals, values without spaces, quotes or backslashes, and none of the variables that this stack sets itself: ${join(", ", local.reserved_settings)}."
  }
}

# Flower

variable "flower_instance_type" {
  description = "Instance type of Flower's one instance."
  type        = string
  default     = "t3.micro"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9-]+$", var.flower_instance_type))
    error_message = "flower_instance_type must look like t3.micro."
  }
}
