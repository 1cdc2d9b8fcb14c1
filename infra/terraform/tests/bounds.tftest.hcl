# Values just outside each limit are refused, and the limits themselves are accepted.

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

override_data {
  target = module.network.data.aws_availability_zones.available
  values = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c", "eu-central-1d"] }
}

variables {
  worker_ami_id = "ami-0123456789abcdef0"
  web_ami_id    = "ami-0123456789abcdef1"
}

run "too_little" {
  command = plan
  variables {
    name                    = "a-"
    bucket_prefix           = "a"
    log_retention_days      = 2
    root_device_name        = "xvda"
    vpc_cidr                = "10.0.0.0/15"
    zones                   = 1
    allowed_cidrs           = []
    input_expiry_days       = 0
    output_expiry_days      = 0
    worker_ami_id           = "ami-0123456"
    worker_instance_types   = []
    worker_min_size         = 0
    worker_spot_percentage  = -1
    worker_volume_gb        = 7
    model                   = "resnet17"
    engine                  = "openvino"
    max_batch_size          = 0
    model_threads           = 0
    worker_settings         = { max_wait_ms = "10" }
    scaling                 = "steps"
    scale_out_threshold     = 0
    scale_in_threshold      = 1
    scale_out_steps         = []
    scale_in_steps          = []
    scale_in_pictures       = 0
    scale_in_seconds        = 0
    worker_warmup_seconds   = 0
    web_ami_id              = "0123456789abcdef0"
    web_instance_type       = "t3"
    web_min_size            = 0
    certificate_arn         = "arn:aws:iam::123456789012:server-certificate/x"
    web_settings            = { MAX_BACKLOG = "1 000" }
    flower_instance_type    = "t3 micro"
    database_instance_class = "t4g.micro"
    database_backup_days    = 0
    secret_version          = 0
    alert_email             = "somebody"
    oldest_request_seconds  = 59
    monthly_budget_usd      = 0
  }
  expect_failures = [
    var.name, var.bucket_prefix, var.log_retention_days, var.root_device_name, var.vpc_cidr, var.zones,
    var.allowed_cidrs, var.input_expiry_days, var.output_expiry_days, var.worker_ami_id, var.worker_instance_types,
    var.worker_min_size, var.worker_spot_percentage, var.worker_volume_gb, var.model,
    var.engine, var.max_batch_size, var.model_threads, var.worker_settings,
    var.scaling, var.scale_out_threshold, var.scale_in_threshold, var.scale_out_steps, var.scale_in_steps,
    var.scale_in_pictures, var.scale_in_seconds, var.worker_warmup_seconds, var.web_ami_id, var.web_instance_type, var.web_min_size, var.certificate_arn,
    var.web_settings, var.flower_instance_type,
    var.database_instance_class, var.database_backup_days, var.secret_version, var.alert_email,
    var.oldest_request_seconds, var.monthly_budget_usd,
  ]
}

# A variable that is compared with another is only checked if that one is valid.
run "too_little_beside_others" {
  command = plan
  variables {
    archive_after_days    = 0
    worker_max_size       = 0
    model_weights         = "s3://models/resnet152.pt" # without engine = "torch"
    onnx_model            = "relative.onnx"
    worker_instance_types = ["g5.xlarge"]
    warm_pool             = { min_size = -1 }
    web_max_size          = 1
    domain_name           = "localhost"
  }
  expect_failures = [
    var.archive_after_days, var.worker_max_size, var.model_weights, var.onnx_model, var.warm_pool, var.web_max_size,
    var.domain_name,
  ]
}

run "too_much" {
  command = plan
  variables {
    name                   = "recognition-recognition"
    bucket_prefix          = "Pictures"
    log_retention_days     = 3654
    vpc_cidr               = "10.0.0.0/21"
    zones                  = 5
    allowed_cidrs          = ["198.51.100.7"]
    input_expiry_days      = 30
    archive_after_days     = 30
    worker_instance_types  = ["c7i.large", "c7i.large"]
    worker_max_size        = 501
    worker_spot_percentage = 101
    worker_volume_gb       = 1001
    model_weights          = "s3://models"
    engine                 = "torch"
    onnx_model             = "/opt/recognition/models/resnet50.onnx" # without engine = "onnx"
    max_batch_size         = 257
    model_threads          = 193
    worker_settings        = { MODEL_THREADS = "4" }
    scale_out_steps        = [{ above = 0, percent = 25 }, { above = 0, percent = 50 }]
    scale_in_steps         = [{ below = 0, remove = 2 }]
    scale_in_seconds       = 3660
    worker_warmup_seconds  = 3601
    web_max_size           = 51
    zone_id                = "Z0123456789ABCDEFGHIJ" # without domain_name
    web_settings           = { SECRET_KEY = "secret" }
    database_backup_days   = 36
    secret_version         = 1.5
    oldest_request_seconds = 86401
  }
  expect_failures = [
    var.name, var.bucket_prefix, var.log_retention_days, var.vpc_cidr, var.zones, var.allowed_cidrs,
    var.archive_after_days, var.worker_instance_types, var.worker_max_size,
    var.worker_spot_percentage, var.worker_volume_gb, var.model_weights, var.onnx_model, var.max_batch_size,
    var.model_threads, var.worker_settings, var.scale_out_steps, var.scale_in_steps, var.scale_in_seconds,
    var.worker_warmup_seconds,
    var.web_max_size, var.zone_id, var.web_settings, var.database_backup_days, var.secret_version,
    var.oldest_request_seconds,
  ]
}

run "what_doesnt_go_together" {
  command = plan
  variables {
    worker_min_size = 3
    worker_max_size = 2
    web_min_size    = 3
    web_max_size    = 2
    domain_name     = "pictures.example.org" # without certificate_arn
    warm_pool       = { min_size = 1 }       # with several instance types
    scale_out_steps = [{ above = 1, percent = 25 }]
    scale_in_steps  = [{ below = 0, remove = 1 }, { below = -3, remove = 5 }]
  }
  expect_failures = [
    var.worker_max_size, var.web_max_size, var.domain_name, var.warm_pool, var.scale_out_steps,
    var.scale_in_steps,
  ]
}

run "what_else_is_wrong" {
  command = plan
  variables {
    scale_in_seconds       = 90
    worker_min_size        = 1.5
    output_expiry_days     = 1.5
    worker_instance_types  = ["g5.xlarge"]
    worker_spot_percentage = 1
    warm_pool              = { min_size = 1 } # with spot instances
    domain_name            = "pictures.example.org"
    certificate_arn        = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
    zone_id                = "z0123"
  }
  expect_failures = [var.scale_in_seconds, var.worker_min_size, var.output_expiry_days, var.warm_pool, var.zone_id]
}

run "a_warm_pool_smaller_than_itself" {
  command = plan
  variables {
    worker_instance_types = ["g5.xlarge"]
    warm_pool             = { min_size = 2, max_prepared = 1 }
  }
  expect_failures = [var.warm_pool]
}

run "the_least" {
  command = plan
  variables {
    name                   = "ab"
    bucket_prefix          = "ab"
    log_retention_days     = 1
    vpc_cidr               = "10.0.0.0/16"
    zones                  = 2
    allowed_cidrs          = ["0.0.0.0/0"]
    input_expiry_days      = 2
    output_expiry_days     = 2
    archive_after_days     = 1
    worker_instance_types  = ["g5.xlarge"]
    worker_min_size        = 1
    worker_max_size        = 1
    worker_spot_percentage = 0
    worker_volume_gb       = 8
    max_batch_size         = 1
    model_threads          = 1
    scale_out_threshold    = 0.1
    scale_in_threshold     = 0
    scale_out_steps        = [{ above = 0, percent = 1 }]
    scale_in_steps         = [{ below = 0, remove = 1 }]
    scale_in_pictures      = 0.1
    scale_in_seconds       = 60
    worker_warmup_seconds  = 1
    warm_pool              = { min_size = 0 }
    scale_to_zero          = true
    web_min_size           = 1
    web_max_size           = 1
    interface_endpoints    = false
    deletion_protection    = false
    final_snapshot         = false
    database_backup_days   = 1
    oldest_request_seconds = 60
    monthly_budget_usd     = 1
  }
}

run "the_most" {
  command = plan
  variables {
    name                   = "recognition-pictures"
    log_retention_days     = 3653
    vpc_cidr               = "10.0.0.0/20"
    zones                  = 4
    nat_per_zone           = true
    allowed_cidrs          = ["198.51.100.7/32", "203.0.113.0/24"]
    worker_min_size        = 500
    worker_max_size        = 500
    worker_spot_percentage = 100
    worker_volume_gb       = 1000
    model                  = "resnet152"
    engine                 = "torch"
    model_weights          = "s3://models/resnet152.pt"
    max_batch_size         = 256
    model_threads          = 192
    scaling                = "target_tracking"
    scale_in_seconds       = 3600
    worker_warmup_seconds  = 3600
    web_min_size           = 50
    web_max_size           = 50
    database_backup_days   = 35
    oldest_request_seconds = 86400
  }
}
