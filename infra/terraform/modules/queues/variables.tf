variable "name" {
  description = "Name of the stack."
  type        = string
}
