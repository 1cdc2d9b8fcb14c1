# The whole stack planned by the real provider without AWS; only the data sources are mocked.

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
  values = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
}

variables {
  worker_ami_id = "ami-0123456789abcdef0"
  web_ami_id    = "ami-0123456789abcdef1"
}

run "defaults" {
  command = plan

  assert {
    condition = output.buckets == {
      input  = "recognition-123456789012-eu-central-1-input"
      output = "recognition-123456789012-eu-central-1-output"
      logs   = "recognition-123456789012-eu-central-1-logs"
    }
    error_message = "buckets have names that nobody else has"
  }
  assert {
    condition = output.groups == {
      worker = "recognition-workers", web = "recognition-web", flower = "recognition-flower"
    }
    error_message = "the groups' names are the contract's"
  }
  assert {
    condition = toset(keys(output.worker_environment)) == toset([
      "ASG_NAME", "AWS_REGION", "DRAIN_SECONDS", "ENGINE", "EVENT_QUEUE_URL", "INPUT_BUCKET", "LAUNCH_HOOK",
      "MAX_BATCH_SIZE", "MODEL", "MODEL_THREADS", "OUTPUT_BUCKET", "REQUEST_QUEUE_URL",
      "RESPONSE_QUEUE_URL", "TERMINATION_HOOK", "TORCH_HOME",
    ])
    error_message = "a worker's environment has no more and no less"
  }
  assert {
    condition = toset(keys(output.web_environment)) == toset([
      "ALLOWED_HOSTS", "ASG_NAME", "AWS_REGION", "CSRF_TRUSTED_ORIGINS", "DATABASE_HOST", "DATABASE_NAME",
      "DATABASE_USER", "EVENT_QUEUE_URL", "HTTPS", "INPUT_BUCKET", "LAUNCH_HOOK", "OPEN_SYNCHRONOUS_ROUTES",
      "OUTPUT_BUCKET", "REQUEST_DEAD_LETTER_QUEUE_URL", "REQUEST_QUEUE_URL", "RESPONSE_DEAD_LETTER_QUEUE_URL",
      "RESPONSE_QUEUE_URL", "RETENTION_DAYS", "SECRET_ARN", "SECRET_VERSION", "SYNC_WAIT_SECONDS", "TERMINATION_HOOK",
      "VPC_CIDR",
    ])
    error_message = "a web instance's environment has no more and no less"
  }
  assert {
    condition = toset(keys(output.flower_environment)) == toset([
      "ASG_NAME", "AWS_REGION", "EVENT_QUEUE_URL", "INPUT_BUCKET", "LAUNCH_HOOK", "OUTPUT_BUCKET", "REQUEST_QUEUE_URL",
      "RESPONSE_QUEUE_URL", "TERMINATION_HOOK",
    ])
    error_message = "Flower's environment has no more and no less"
  }
  assert {
    condition = (
      output.worker_environment.MAX_BATCH_SIZE == "8" && output.worker_environment.MODEL_THREADS == "2"
      && output.worker_environment.ENGINE == "onnx"
      && output.worker_environment.AWS_REGION == "eu-central-1" && output.worker_environment.LAUNCH_HOOK == "ready"
      && output.worker_environment.TERMINATION_HOOK == "drain" && output.flower_environment.LAUNCH_HOOK == ""
    )
    error_message = "the values are the variables'"
  }
  assert {
    condition     = output.worker_environment.DRAIN_SECONDS == "60" && output.web_environment.SYNC_WAIT_SECONDS == "300"
    error_message = "instances drain for as long as their units' time to stop allows"
  }
  assert {
    condition = (
      output.web_environment.HTTPS == "0"
      && output.web_environment.OPEN_SYNCHRONOUS_ROUTES == "0"
      && output.web_environment.VPC_CIDR == "10.40.0.0/16"
    )
    error_message = "without a certificate the site speaks plain HTTP, and its routes want a token"
  }
  assert {
    condition = (
      strcontains(output.flower_command, "portNumber=5555")
      && strcontains(output.flower_command, "recognition-flower")
    )
    error_message = "Flower is reached through Session Manager"
  }
}

run "a_name_and_a_certificate_of_its_own" {
  command = plan
  variables {
    domain_name             = "pictures.example.org"
    certificate_arn         = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
    zone_id                 = "Z0123456789ABCDEFGHIJ"
    open_synchronous_routes = true
    zones                   = 3
    nat_per_zone            = true
    alert_email             = "somebody@example.org"
    bucket_prefix           = "pictures"
    archive_after_days      = 7
    worker_settings         = { MAX_WAIT_MS = "10" }
    web_settings            = { MAX_BACKLOG = "20000" }
    onnx_model              = "s3://models/resnet50.onnx"
  }

  assert {
    condition = (
      output.site_url == "https://pictures.example.org" && output.web_environment.HTTPS == "1"
      && output.web_environment.CSRF_TRUSTED_ORIGINS == "https://pictures.example.org"
      && output.web_environment.OPEN_SYNCHRONOUS_ROUTES == "1"
    )
    error_message = "the site has its name, and its routes are open"
  }
  assert {
    condition     = output.worker_environment.MAX_WAIT_MS == "10" && output.web_environment.MAX_BACKLOG == "20000"
    error_message = "settings reach the environment"
  }
  assert {
    condition     = output.worker_environment.ONNX_MODEL == "s3://models/resnet50.onnx"
    error_message = "the model reaches the environment"
  }
  assert {
    condition     = output.buckets.input == "pictures-input"
    error_message = "buckets begin with the prefix"
  }
}
