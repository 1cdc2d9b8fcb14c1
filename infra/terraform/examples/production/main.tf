# The system for production: HTTPS with its own domain, redundancy, and protection against deletion.
# gpu.tfvars puts the workers on GPUs.

terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Remote state: make the bucket once, by hand, private and with versioning, name it here, uncomment, and run
  # `terraform init`. S3 locks the state during an apply. The state contains no secrets.
  #
  # backend "s3" {
  #   bucket       = "YOUR-BUCKET-FOR-STATES"
  #   key          = "recognition/terraform.tfstate"
  #   region       = "us-east-1"
  #   encrypt      = true
  #   use_lockfile = true
  # }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { Stack = var.name, ManagedBy = "terraform" }
  }
}

module "recognition" {
  source = "../.."

  name = var.name

  domain_name             = var.domain_name
  certificate_arn         = var.certificate_arn
  zone_id                 = var.zone_id
  open_synchronous_routes = var.open_synchronous_routes

  worker_ami_id          = var.worker_ami_id
  worker_instance_types  = var.worker_instance_types
  worker_volume_gb       = var.worker_volume_gb
  engine                 = var.engine
  model_threads          = var.model_threads
  max_batch_size         = var.max_batch_size
  worker_spot_percentage = 50

  web_ami_id        = var.web_ami_id
  web_instance_type = "t3.medium"

  database_instance_class = "db.t4g.small"
  database_multi_az       = true
  database_backup_days    = 14

  zones               = 3
  nat_per_zone        = true
  archive_after_days  = 14
  log_retention_days  = 90
  deletion_protection = var.deletion_protection
  alert_email         = var.alert_email
  monthly_budget_usd  = var.monthly_budget_usd
  secret_version      = var.secret_version
}
