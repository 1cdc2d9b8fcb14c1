data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account = {
    id        = data.aws_caller_identity.current.account_id
    partition = data.aws_partition.current.partition
    region    = data.aws_region.current.name
  }

  bucket_prefix = coalesce(var.bucket_prefix, "${var.name}-${local.account.id}-${local.account.region}")

  # project/env.py's `Aws`: where the buckets and queues are.
  aws_environment = {
    INPUT_BUCKET       = module.storage.input.name
    OUTPUT_BUCKET      = module.storage.output.name
    REQUEST_QUEUE_URL  = module.queues.requests.url
    RESPONSE_QUEUE_URL = module.queues.responses.url
    EVENT_QUEUE_URL    = module.queues.events.url
  }

  # The variables that the policies of policies/ take; docs/permissions.md says what they allow.
  resource_arns = {
    input_bucket_arn               = module.storage.input.arn
    output_bucket_arn              = module.storage.output.arn
    request_queue_arn              = module.queues.requests.arn
    response_queue_arn             = module.queues.responses.arn
    event_queue_arn                = module.queues.events.arn
    request_dead_letter_queue_arn  = module.queues.request_dead_letters.arn
    response_dead_letter_queue_arn = module.queues.response_dead_letters.arn
  }

  policies = {
    for tier in ["worker", "web", "flower"] :
    tier => templatefile("${path.module}/policies/${tier}.json.tftpl", local.resource_arns)
  }

  # Variables that worker_settings and web_settings must not set.
  reserved_settings = [
    "ALLOWED_HOSTS", "ASG_NAME", "AWS_REGION", "CSRF_TRUSTED_ORIGINS", "DATABASE_HOST", "DATABASE_NAME",
    "DATABASE_URL", "DATABASE_USER", "DRAIN_SECONDS", "ENGINE", "EVENT_QUEUE_URL", "HTTPS", "INPUT_BUCKET",
    "LAUNCH_HOOK", "MAX_BATCH_SIZE", "MODEL", "MODEL_THREADS", "MODEL_WEIGHTS", "ONNX_MODEL",
    "OPEN_SYNCHRONOUS_ROUTES", "OUTPUT_BUCKET", "REQUEST_DEAD_LETTER_QUEUE_URL", "REQUEST_QUEUE_URL",
    "RESPONSE_DEAD_LETTER_QUEUE_URL", "RESPONSE_QUEUE_URL", "RETENTION_DAYS", "SECRET_ARN", "SECRET_KEY",
    "SECRET_VERSION", "SYNC_WAIT_SECONDS", "TERMINATION_HOOK", "TORCH_HOME", "VPC_CIDR",
  ]
}

module "network" {
  source = "./modules/network"

  name                = var.name
  account             = local.account
  vpc_cidr            = var.vpc_cidr
  zones               = var.zones
  nat_per_zone        = var.nat_per_zone
  interface_endpoints = var.interface_endpoints
  allowed_cidrs       = var.allowed_cidrs
  https               = var.certificate_arn != null
  log_retention_days  = var.log_retention_days
}

module "storage" {
  source = "./modules/storage"

  prefix             = local.bucket_prefix
  account            = local.account
  input_expiry_days  = var.input_expiry_days
  output_expiry_days = var.output_expiry_days
  log_expiry_days    = var.log_retention_days
  archive_after_days = var.archive_after_days
  force_destroy      = !var.deletion_protection
}

module "queues" {
  source = "./modules/queues"

  name = var.name
}

module "workers" {
  source = "./modules/workers"

  name               = var.name
  account            = local.account
  subnet_ids         = module.network.private_subnet_ids
  security_group_id  = module.network.security_group_ids.worker
  policy             = local.policies.worker
  environment        = merge(var.worker_settings, local.aws_environment)
  request_queue_name = module.queues.requests.name

  ami_id             = var.worker_ami_id
  root_device_name   = var.root_device_name
  volume_gb          = var.worker_volume_gb
  log_retention_days = var.log_retention_days
  instance_types     = var.worker_instance_types
  min_size           = var.worker_min_size
  max_size           = var.worker_max_size
  spot_percentage    = var.worker_spot_percentage
  warm_pool          = var.warm_pool

  model          = var.model
  model_weights  = var.model_weights
  engine         = var.engine
  onnx_model     = var.onnx_model
  max_batch_size = var.max_batch_size
  model_threads  = var.model_threads

  scaling             = var.scaling
  scale_to_zero       = var.scale_to_zero
  scale_out_threshold = var.scale_out_threshold
  scale_in_threshold  = var.scale_in_threshold
  scale_out_steps     = var.scale_out_steps
  scale_in_steps      = var.scale_in_steps
  scale_in_pictures   = var.scale_in_pictures
  scale_in_seconds    = var.scale_in_seconds
  warmup_seconds      = var.worker_warmup_seconds
}

module "database" {
  source = "./modules/database"

  name                = var.name
  subnet_ids          = module.network.private_subnet_ids
  security_group_id   = module.network.security_group_ids.database
  instance_class      = var.database_instance_class
  multi_az            = var.database_multi_az
  backup_days         = var.database_backup_days
  log_retention_days  = var.log_retention_days
  secret_version      = var.secret_version
  deletion_protection = var.deletion_protection
  final_snapshot      = var.final_snapshot
}

module "web" {
  source = "./modules/web"

  name                = var.name
  account             = local.account
  vpc_id              = module.network.vpc_id
  public_subnet_ids   = module.network.public_subnet_ids
  private_subnet_ids  = module.network.private_subnet_ids
  security_group_ids  = module.network.security_group_ids
  access_logs_bucket  = module.storage.logs_bucket
  deletion_protection = var.deletion_protection

  domain_name             = var.domain_name
  certificate_arn         = var.certificate_arn
  zone_id                 = var.zone_id
  open_synchronous_routes = var.open_synchronous_routes

  ami_id             = var.web_ami_id
  root_device_name   = var.root_device_name
  instance_type      = var.web_instance_type
  log_retention_days = var.log_retention_days
  min_size           = var.web_min_size
  max_size           = var.web_max_size
  policy             = local.policies.web
  secret_arn         = module.database.secret_arn

  environment = merge(var.web_settings, local.aws_environment, {
    REQUEST_DEAD_LETTER_QUEUE_URL  = module.queues.request_dead_letters.url
    RESPONSE_DEAD_LETTER_QUEUE_URL = module.queues.response_dead_letters.url
    RETENTION_DAYS                 = var.output_expiry_days
    DATABASE_HOST                  = module.database.host
    DATABASE_NAME                  = module.database.database_name
    DATABASE_USER                  = module.database.user
    SECRET_ARN                     = module.database.secret_arn
    SECRET_VERSION                 = var.secret_version # Nothing reads it: it replaces the instances with the secret.
    VPC_CIDR                       = var.vpc_cidr
  })
}

module "flower" {
  source = "./modules/flower"

  name               = var.name
  account            = local.account
  subnet_ids         = module.network.private_subnet_ids
  security_group_id  = module.network.security_group_ids.flower
  policy             = local.policies.flower
  environment        = local.aws_environment
  ami_id             = var.web_ami_id
  root_device_name   = var.root_device_name
  instance_type      = var.flower_instance_type
  log_retention_days = var.log_retention_days
}

module "monitoring" {
  source = "./modules/monitoring"

  name    = var.name
  account = local.account
  queues = {
    requests  = module.queues.requests.name
    responses = module.queues.responses.name
  }
  dead_letter_queues = {
    requests  = module.queues.request_dead_letters.name
    responses = module.queues.response_dead_letters.name
  }
  worker_group           = module.workers.group_name
  worker_max_size        = var.worker_max_size
  backlog_expression     = module.workers.backlog_expression
  load_balancer          = module.web.load_balancer_suffix
  target_group           = module.web.target_group_suffix
  alert_email            = var.alert_email
  oldest_request_seconds = var.oldest_request_seconds
  monthly_budget_usd     = var.monthly_budget_usd
}
