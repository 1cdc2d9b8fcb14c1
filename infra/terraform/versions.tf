terraform {
  # Ephemeral resources and write-only attributes, which keep secrets out of the state, need 1.11.
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}
