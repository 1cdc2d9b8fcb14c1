# General

variable "name" {
  description = "Name of the stack; every resource's name begins with it."
  type        = string
  default     = "recognition"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 20
    error_message = "name must be lower-case words of letters and digits joined by single hyphens, 20 characters at most."
  }
}

variable "bucket_prefix" {
  description = "Prefix of the buckets' names, which must be unique in all of AWS: PREFIX-input, PREFIX-output and PREFIX-logs. null: NAME-ACCOUNT-REGION."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_prefix == null || can(regex("^[a-z0-9][a-z0-9-]{1,55}$", var.bucket_prefix))
    error_message = "bucket_prefix must be 2 to 56 lower-case letters, digits and hyphens, and not begin with a hyphen."
  }
}

variable "deletion_protection" {
  description = "true: the database, the load balancer and buckets with objects can't be deleted, and a deleted secret can be recovered for 30 days. false: `terraform destroy` permanently deletes pictures, records and the secret."
  type        = bool
  default     = true
  nullable    = false
}

variable "final_snapshot" {
  description = "true: destroying the database leaves a final snapshot, NAME-final-…, which costs money until you delete it. Apply a change before `terraform destroy`, which uses the last applied value."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_retention_days" {
  description = "Retention of logs in days, in CloudWatch and in the bucket of access logs."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days,
    )
    error_message = "log_retention_days must be one of the values that CloudWatch allows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "root_device_name" {
  description = "Name of the root device in the machine images. A wrong name adds a second disk and leaves the root disk unencrypted."
  type        = string
  default     = "/dev/xvda"
  nullable    = false

  validation {
    condition     = can(regex("^/dev/[a-z]+[0-9]*$", var.root_device_name))
    error_message = "root_device_name must look like /dev/xvda."
  }
}

# Network

variable "vpc_cidr" {
  description = "IP range of the VPC; each subnet gets a sixteenth of it."
  type        = string
  default     = "10.40.0.0/16"
  nullable    = false

  validation {
    condition = (
      can(cidrnetmask(var.vpc_cidr))
      && try(tonumber(split("/", var.vpc_cidr)[1]), 0) >= 16
      && try(tonumber(split("/", var.vpc_cidr)[1]), 99) <= 20
    )
    error_message = "vpc_cidr must be an IPv4 range of /16 to /20."
  }
}

variable "zones" {
  description = "Number of availability zones."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = contains([2, 3, 4], var.zones)
    error_message = "zones must be 2, 3 or 4: the load balancer and the database need two."
  }
}

variable "nat_per_zone" {
  description = "true: a NAT gateway in each zone, so that no zone depends on another; false: one for all, which costs less."
  type        = bool
  default     = false
  nullable    = false
}

variable "interface_endpoints" {
  description = "true: calls to SQS, CloudWatch Logs, Secrets Manager and so on stay inside the VPC, at an hourly price per service and zone. false: they use the NAT gateway. Calls to S3 always stay inside."
  type        = bool
  default     = true
  nullable    = false
}

variable "allowed_cidrs" {
  description = "IP ranges from which the site can be reached."
  type        = list(string)
  default     = ["0.0.0.0/0"]
  nullable    = false

  validation {
    condition     = length(var.allowed_cidrs) > 0 && alltrue([for cidr in var.allowed_cidrs : can(cidrnetmask(cidr))])
    error_message = "allowed_cidrs must be one or more IPv4 ranges, such as 198.51.100.7/32."
  }
}

# Storage

variable "input_expiry_days" {
  description = "Age in days at which pictures are deleted. As noncurrent versions they remain one more day."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.input_expiry_days >= 1 && floor(var.input_expiry_days) == var.input_expiry_days
    error_message = "input_expiry_days must be a whole number of 1 or more."
  }
}

variable "output_expiry_days" {
  description = "Age in days at which records are deleted, and the database's rows with them. As noncurrent versions records remain one more day."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.output_expiry_days >= 1 && floor(var.output_expiry_days) == var.output_expiry_days
    error_message = "output_expiry_days must be a whole number of 1 or more."
  }
}

variable "archive_after_days" {
  description = "Age in days at which pictures and records move to Glacier Instant Retrieval, where storage is cheaper and access more expensive. S3 doesn't move objects under 128 kB. null: never."
  type        = number
  default     = null

  validation {
    condition = var.archive_after_days == null ? true : (
      var.archive_after_days >= 1 && floor(var.archive_after_days) == var.archive_after_days
      && var.archive_after_days < min(var.input_expiry_days, var.output_expiry_days)
    )
    error_message = "archive_after_days must be a whole number of 1 or more, and less than input_expiry_days and output_expiry_days."
  }
}

# Database

variable "database_instance_class" {
  description = "Instance class of the database."
  type        = string
  default     = "db.t4g.micro"
  nullable    = false

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.database_instance_class))
    error_message = "database_instance_class must look like db.t4g.micro."
  }
}

variable "database_multi_az" {
  description = "true: a standby database in another zone takes over if the first fails; this doubles the cost."
  type        = bool
  default     = false
  nullable    = false
}

variable "database_backup_days" {
  description = "Retention of database backups in days."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition = (
      var.database_backup_days >= 1
      && var.database_backup_days <= 35
      && floor(var.database_backup_days) == var.database_backup_days
    )
    error_message = "database_backup_days must be a whole number from 1 to 35."
  }
}

variable "secret_version" {
  description = "Increase it to rotate SECRET_KEY and the database password. The web instances are replaced, and users have to log in again."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.secret_version >= 1 && floor(var.secret_version) == var.secret_version
    error_message = "secret_version must be a whole number of 1 or more."
  }
}

# Monitoring

variable "alert_email" {
  description = "E-mail address for alarms; AWS first asks it for confirmation. null: alarms only go to the SNS topic."
  type        = string
  default     = null

  validation {
    condition     = var.alert_email == null || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "alert_email must be an e-mail address."
  }
}

variable "oldest_request_seconds" {
  description = "Age of the oldest waiting picture, in seconds, above which an alarm is sent."
  type        = number
  default     = 600
  nullable    = false

  validation {
    condition     = var.oldest_request_seconds >= 60 && var.oldest_request_seconds <= 86400
    error_message = "oldest_request_seconds must be 60 to 86400."
  }
}

variable "monthly_budget_usd" {
  description = "Budget in US dollars per month for the whole account. An alarm is sent if the actual or forecast cost exceeds it."
  type        = number
  default     = 300
  nullable    = false

  validation {
    condition     = var.monthly_budget_usd >= 1
    error_message = "monthly_budget_usd must be 1 or more."
  }
}
