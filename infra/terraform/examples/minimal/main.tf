# The whole system at the lowest cost: plain HTTP and no redundancy.
# `terraform destroy` removes all of it.

terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # The state is a file in this folder, which is enough for a trial by one person. For two people or CI keep the
  # state in S3: see ../production.
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { Stack = var.name, ManagedBy = "terraform" }
  }
}

module "recognition" {
  source = "../.."

  name          = var.name
  worker_ami_id = var.worker_ami_id
  web_ami_id    = var.web_ami_id
  allowed_cidrs = var.allowed_cidrs
  alert_email   = var.alert_email

  deletion_protection  = false
  final_snapshot       = false
  interface_endpoints  = false
  web_min_size         = 1
  web_max_size         = 2
  database_backup_days = 1
  input_expiry_days    = 7
  output_expiry_days   = 30
  log_retention_days   = 7
  monthly_budget_usd   = 200
  web_settings         = { RATE_LIMIT_UPLOADS_PER_MINUTE = "0" } # Who tries it alone may send as much as it takes to see it grow.
}
