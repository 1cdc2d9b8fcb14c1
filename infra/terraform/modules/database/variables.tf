variable "name" {
  description = "Name of the stack."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the database."
  type        = list(string)
}

variable "security_group_id" {
  description = "Security group."
  type        = string
}

variable "instance_class" {
  description = "Instance class of the database."
  type        = string
}

variable "multi_az" {
  description = "true: a second database in another zone takes over when the first fails; it costs as much again."
  type        = bool
}

variable "backup_days" {
  description = "Days for which the database's backups are kept."
  type        = number
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
}

variable "secret_version" {
  description = "Raise it to replace SECRET_KEY and the database's password; the web instances are replaced with them, and users log in anew."
  type        = number
}

variable "deletion_protection" {
  description = "true: the database can't be deleted, and a deleted secret can be recovered for 30 days."
  type        = bool
}

variable "final_snapshot" {
  description = "true: a database that is destroyed leaves a last snapshot."
  type        = bool
}
