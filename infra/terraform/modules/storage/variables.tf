variable "prefix" {
  description = "Beginning of the buckets' names."
  type        = string
}

variable "account" {
  description = "Where the stack is."
  type        = object({ id = string, partition = string, region = string })
}

variable "input_expiry_days" {
  description = "Age in days at which pictures are deleted."
  type        = number
}

variable "output_expiry_days" {
  description = "Age in days at which records are deleted."
  type        = number
}

variable "log_expiry_days" {
  description = "Age in days at which access logs are deleted."
  type        = number
}

variable "archive_after_days" {
  description = "Age in days at which pictures and records move to Glacier Instant Retrieval; null: never."
  type        = number
}

variable "force_destroy" {
  description = "true: a bucket that is destroyed takes its objects with it."
  type        = bool
}
