locals {
  group_name = "${var.name}-flower"
}

module "tier" {
  source = "../tier"

  name               = var.name
  tier               = "flower"
  group_name         = local.group_name
  account            = var.account
  ami_id             = var.ami_id
  instance_type      = var.instance_type
  root_device_name   = var.root_device_name
  volume_gb          = 20
  security_group_id  = var.security_group_id
  environment        = var.environment
  policy             = var.policy
  log_retention_days = var.log_retention_days
}

# A group of exactly one instance: two Flowers would each receive half of the events, and a lost one is replaced.
resource "aws_autoscaling_group" "this" {
  name                      = local.group_name
  min_size                  = 1
  max_size                  = 1
  vpc_zone_identifier       = var.subnet_ids
  health_check_type         = "EC2"
  health_check_grace_period = 60
  default_instance_warmup   = 60
  wait_for_capacity_timeout = "0"

  launch_template {
    id      = module.tier.launch_template.id
    version = module.tier.launch_template.version
  }

  # The old instance is terminated before the new one is launched.
  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = 0
    }
  }

  tag {
    key                 = "Name"
    value               = local.group_name
    propagate_at_launch = false
  }
}
