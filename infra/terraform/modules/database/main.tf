locals {
  database_name = "recognition"
  user          = "recognition"
  stored        = jsondecode(ephemeral.aws_secretsmanager_secret_version.stored.secret_string)

  # Empty, and unknown until the secret exists, so that a plan for an empty account doesn't request passwords from AWS.
  none = substr(aws_secretsmanager_secret.this.arn, 0, 0)

  # The six characters that Secrets Manager appends to the name, so that a stack that is created again has a new
  # snapshot name.
  final_snapshot = "${var.name}-final-${lower(substr(aws_secretsmanager_secret.this.arn, -6, 6))}"
}

# Secrets. AWS generates and stores them. Ephemeral resources and write-only attributes keep them out of the state.

ephemeral "aws_secretsmanager_random_password" "secret_key" {
  password_length     = 64
  exclude_punctuation = true
  exclude_characters  = local.none
}

ephemeral "aws_secretsmanager_random_password" "database" {
  password_length     = 40
  exclude_punctuation = true
  exclude_characters  = local.none
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV_AWS_149: Secrets Manager encrypts with the account's own key; an own key would cost more without more protection here.
  #checkov:skip=CKV2_AWS_57: The variable secret_version rotates it, together with the instances that read it.
  name                    = "${var.name}/web"
  description             = "SECRET_KEY of the site, and the password of its database"
  recovery_window_in_days = var.deletion_protection ? 30 : 0
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id = aws_secretsmanager_secret.this.id
  secret_string_wo = jsonencode({
    SECRET_KEY        = ephemeral.aws_secretsmanager_random_password.secret_key.random_password
    DATABASE_PASSWORD = ephemeral.aws_secretsmanager_random_password.database.random_password
  })
  secret_string_wo_version = var.secret_version
}

# Each run generates new random passwords. The database gets the stored one, even if the run that stored it failed
# before it created the database.
ephemeral "aws_secretsmanager_secret_version" "stored" {
  secret_id  = aws_secretsmanager_secret_version.this.secret_id
  version_id = aws_secretsmanager_secret_version.this.version_id
}

# Database

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name   = var.name
  family = "postgres16"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
  parameter {
    name  = "log_min_duration_statement"
    value = "1000" # ms
  }
  parameter {
    name  = "log_statement"
    value = "ddl"
  }
}

# RDS would create these log groups without a retention time, and `terraform destroy` would leave them.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158: CloudWatch encrypts logs by itself; an own key would cost more without more protection here.
  #checkov:skip=CKV_AWS_338: The user sets the retention of logs.
  for_each = toset(["postgresql", "upgrade"])

  name              = "/aws/rds/instance/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_157: Set by the variable database_multi_az, which the production example sets.
  #checkov:skip=CKV_AWS_293: Set by the variable deletion_protection; a trial has to be destroyed.
  #checkov:skip=CKV_AWS_353: Logs of slow statements and CloudWatch metrics are enough.
  #checkov:skip=CKV_AWS_118: CloudWatch metrics per minute are enough.
  #checkov:skip=CKV_AWS_161: The site uses a password that only AWS knows; IAM tokens would have to be renewed every 15 minutes.
  identifier                      = var.name
  engine                          = "postgres"
  engine_version                  = "16"
  instance_class                  = var.instance_class
  storage_type                    = "gp3"
  allocated_storage               = 20
  max_allocated_storage           = 100
  storage_encrypted               = true
  db_name                         = local.database_name
  username                        = local.user
  password_wo                     = local.stored["DATABASE_PASSWORD"]
  password_wo_version             = var.secret_version
  apply_immediately               = true
  db_subnet_group_name            = aws_db_subnet_group.this.name
  vpc_security_group_ids          = [var.security_group_id]
  parameter_group_name            = aws_db_parameter_group.this.name
  publicly_accessible             = false
  multi_az                        = var.multi_az
  backup_retention_period         = var.backup_days
  copy_tags_to_snapshot           = true
  auto_minor_version_upgrade      = true
  enabled_cloudwatch_logs_exports = keys(aws_cloudwatch_log_group.this)
  deletion_protection             = var.deletion_protection
  skip_final_snapshot             = !var.final_snapshot
  final_snapshot_identifier       = local.final_snapshot
}
