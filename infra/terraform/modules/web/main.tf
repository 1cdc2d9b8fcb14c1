locals {
  group_name = "${var.name}-web"
  hooks      = { launch = "ready", termination = "drain" }
  https      = var.certificate_arn != null
  site_url   = local.https ? "https://${var.domain_name}" : "http://${aws_lb.this.dns_name}"

  environment = merge(var.environment, {
    # Legacy clients may use the load balancer's own name, even if there is a domain.
    ALLOWED_HOSTS           = join(",", compact([var.domain_name, aws_lb.this.dns_name]))
    CSRF_TRUSTED_ORIGINS    = local.site_url
    HTTPS                   = local.https ? "1" : "0"
    OPEN_SYNCHRONOUS_ROUTES = var.open_synchronous_routes ? "1" : "0"
    SYNC_WAIT_SECONDS       = "300" # Less than the load balancer's 400 s: the site answers, not the load balancer.
  })
}

module "tier" {
  source = "../tier"

  name               = var.name
  tier               = "web"
  group_name         = local.group_name
  account            = var.account
  ami_id             = var.ami_id
  instance_type      = var.instance_type
  root_device_name   = var.root_device_name
  volume_gb          = 20
  security_group_id  = var.security_group_ids["web"]
  environment        = local.environment
  policy             = var.policy
  hooks              = local.hooks
  log_retention_days = var.log_retention_days

  statements = [{
    Sid      = "ReadSecret"
    Effect   = "Allow"
    Action   = ["secretsmanager:GetSecretValue"]
    Resource = [var.secret_arn]
  }]
}

resource "aws_autoscaling_group" "this" {
  name                      = local.group_name
  min_size                  = var.min_size
  max_size                  = var.max_size
  vpc_zone_identifier       = var.private_subnet_ids
  target_group_arns         = [aws_lb_target_group.this.arn]
  health_check_type         = "ELB"
  health_check_grace_period = 120
  default_instance_warmup   = 60
  metrics_granularity       = "1Minute"
  enabled_metrics           = ["GroupDesiredCapacity", "GroupInServiceInstances"]
  termination_policies      = ["OldestLaunchTemplate", "OldestInstance"]
  wait_for_capacity_timeout = "0"

  launch_template {
    id      = module.tier.launch_template.id
    version = module.tier.launch_template.version
  }

  # The site completes this hook once it responds. If it never does, the instance is replaced. The first may migrate.
  initial_lifecycle_hook {
    name                 = local.hooks.launch
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    heartbeat_timeout    = 1800
    default_result       = "ABANDON"
  }

  # Waiting requests are finished first: the target group deregisters an instance after up to 400 s.
  initial_lifecycle_hook {
    name                 = local.hooks.termination
    lifecycle_transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    heartbeat_timeout    = 600
    default_result       = "CONTINUE"
  }

  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 200
    }
  }

  tag {
    key                 = "Name"
    value               = local.group_name
    propagate_at_launch = false
  }

  timeouts {
    delete = "30m" # Instances drain first.
  }
}

resource "aws_autoscaling_policy" "cpu" {
  name                   = "cpu"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = 60
    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}
