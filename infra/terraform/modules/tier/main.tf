# Resources that every tier needs: a role, a log group, and a launch template whose user data writes the environment
# and starts the tier.

locals {
  name = "${var.name}-${var.tier}"

  environment = merge(var.environment, {
    AWS_REGION       = var.account.region
    ASG_NAME         = var.group_name
    LAUNCH_HOOK      = var.hooks.launch
    TERMINATION_HOOK = var.hooks.termination
  })

  group_arn = join(":", [
    "arn", var.account.partition, "autoscaling", var.account.region, var.account.id, "autoScalingGroup", "*",
    "autoScalingGroupName/${var.group_name}",
  ])

  lifecycle_statements = var.hooks.launch == "" && var.hooks.termination == "" ? [] : [{
    Sid      = "AnswerLifecycleHooks"
    Effect   = "Allow"
    Action   = ["autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"]
    Resource = [local.group_arn]
  }]

  log_statements = [{
    Sid      = "WriteLogs"
    Effect   = "Allow"
    Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }]
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158: CloudWatch encrypts logs by itself; an own key would cost more without more protection here.
  #checkov:skip=CKV_AWS_338: The user sets the retention of logs.
  name              = "/${var.name}/${var.tier}"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "this" {
  name = local.name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "application" {
  name   = "application"
  role   = aws_iam_role.this.id
  policy = var.policy
}

resource "aws_iam_role_policy" "instance" {
  name = "instance"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.lifecycle_statements, local.log_statements, var.statements)
  })
}

resource "aws_iam_role_policy_attachment" "session_manager" {
  role       = aws_iam_role.this.name
  policy_arn = "arn:${var.account.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "this" {
  name = local.name
  role = aws_iam_role.this.name
}

resource "aws_launch_template" "this" {
  name                   = local.name
  image_id               = var.ami_id
  instance_type          = var.instance_type
  update_default_version = true
  vpc_security_group_ids = [var.security_group_id]

  user_data = base64encode(templatefile("${path.module}/user-data.yaml.tftpl", {
    tier        = var.tier
    environment = local.environment
    log_group   = aws_cloudwatch_log_group.this.name
  }))

  iam_instance_profile {
    arn = aws_iam_instance_profile.this.arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  monitoring {
    enabled = true
  }

  block_device_mappings {
    device_name = var.root_device_name
    ebs {
      volume_size           = var.volume_gb
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])
    content {
      resource_type = tag_specifications.key
      tags          = { Name = local.name, Stack = var.name }
    }
  }
}
