locals {
  database_name = "recognition"
  user          = "recognition"
  stored        = jsondecode(ephemeral.aws_secretsmanager_secret_version.stored.secret_string)

  # Empty, and not known before the secret is there: so a plan for an empty account doesn't ask AWS for passwords.
  none = substr(aws_secretsmanager_secret.this.arn, 0, 0)

  # The six letters that Secrets Manager puts behind a name: so a stack that is made and destroyed again finds its
  # snapshot's name free.
  final_snapshot = "${var.name}-final-${lower(substr(aws_secretsmanager_secret.this.arn, -6, 6))}"
}

# Secrets. They are made by AWS, and stand in AWS alone: neither ephemeral resources nor write-only attributes leave
# anything in the state.

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
  #checkov:skip=CKV_AWS_149: Secrets Manager encrypts with the account's own key; one more key costs, and guards against nobody more here.
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

# Each run makes new random passwords. So the database gets the one that was stored, even where a run that stored it
# broke off before there was a database.
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

# RDS would make them without an end to what they keep, and leave them behind.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158: CloudWatch encrypts logs by itself; a key of one's own costs, and guards against nobody more here.
  #checkov:skip=CKV_AWS_338: How long logs are kept is the user's to say.
  for_each = toset(["postgresql", "upgrade"])

  name              = "/aws/rds/instance/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_157: The variable database_multi_az says so; the production example sets it.
  #checkov:skip=CKV_AWS_293: The variable deletion_protection says so; a trial has to be destroyed.
  #checkov:skip=CKV_AWS_353: The logs of slow statements and CloudWatch's metrics serve.
  #checkov:skip=CKV_AWS_118: CloudWatch's metrics by the minute serve.
  #checkov:skip=CKV_AWS_161: The site logs in by a password that only AWS knows; IAM's tokens would have to be renewed every 15 minutes.
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
