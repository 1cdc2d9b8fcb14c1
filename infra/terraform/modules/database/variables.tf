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
  description = "true: a standby database in another zone takes over if the first fails; this doubles the cost."
  type        = bool
}

variable "backup_days" {
  description = "Retention of database backups in days."
  type        = number
}

variable "log_retention_days" {
  description = "Retention of logs in days."
  type        = number
}

variable "secret_version" {
  description = "Increase it to rotate SECRET_KEY and the database password. The web instances are replaced, and users have to log in again."
  type        = number
}

variable "deletion_protection" {
  description = "true: the database can't be deleted, and a deleted secret can be recovered for 30 days."
  type        = bool
}

variable "final_snapshot" {
  description = "true: destroying the database leaves a final snapshot."
  type        = bool
}
