locals {
  group_name = "${var.name}-workers"
  hooks      = { launch = "ready", termination = "drain" }

  # Without these the worker uses the values in its image.
  models = { MODEL_WEIGHTS = var.model_weights, ONNX_MODEL = var.onnx_model }

  environment = merge(var.environment, { for name, url in local.models : name => url if url != "" }, {
    MODEL          = var.model
    ENGINE         = var.engine
    MAX_BATCH_SIZE = var.max_batch_size
    MODEL_THREADS  = var.model_threads
    DRAIN_SECONDS  = 60 # The unit's TimeoutStopSec is 120, the hook's time-out 300.
    TORCH_HOME     = "/opt/recognition/models"
  })

  s3_models = [for url in values(local.models) : url if startswith(url, "s3://")]
  min_size  = var.scale_to_zero ? 0 : var.min_size
}

module "tier" {
  source = "../tier"

  name               = var.name
  tier               = "worker"
  group_name         = local.group_name
  account            = var.account
  ami_id             = var.ami_id
  instance_type      = var.instance_types[0]
  root_device_name   = var.root_device_name
  volume_gb          = var.volume_gb
  security_group_id  = var.security_group_id
  environment        = local.environment
  policy             = var.policy
  hooks              = local.hooks
  log_retention_days = var.log_retention_days

  statements = length(local.s3_models) == 0 ? [] : [{
    Sid      = "ReadModel"
    Effect   = "Allow"
    Action   = ["s3:GetObject"]
    Resource = [for url in local.s3_models : "arn:${var.account.partition}:s3:::${trimprefix(url, "s3://")}"]
  }]
}

resource "aws_autoscaling_group" "this" {
  name                      = local.group_name
  min_size                  = local.min_size
  max_size                  = var.max_size
  desired_capacity          = max(local.min_size, 1)
  vpc_zone_identifier       = var.subnet_ids
  health_check_type         = "EC2"
  health_check_grace_period = 60
  # Set explicitly, or a cooldown of 300 s would apply instead.
  default_instance_warmup   = var.warmup_seconds
  metrics_granularity       = "1Minute"
  termination_policies      = ["OldestLaunchTemplate", "OldestInstance"]
  capacity_rebalance        = var.spot_percentage > 0
  wait_for_capacity_timeout = "0"

  enabled_metrics = [
    "GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances", "GroupTerminatingInstances",
    "GroupTotalInstances",
  ]

  # AWS refuses a warm pool for a group with a mixed instances policy.
  dynamic "launch_template" {
    for_each = var.warm_pool == null ? [] : [module.tier.launch_template]
    content {
      id      = launch_template.value.id
      version = launch_template.value.version
    }
  }

  dynamic "mixed_instances_policy" {
    for_each = var.warm_pool == null ? [module.tier.launch_template] : []
    content {
      instances_distribution {
        on_demand_allocation_strategy            = "prioritized"
        on_demand_base_capacity                  = 1
        on_demand_percentage_above_base_capacity = 100 - var.spot_percentage
        spot_allocation_strategy                 = "price-capacity-optimized"
      }
      launch_template {
        launch_template_specification {
          launch_template_id = mixed_instances_policy.value.id
          version            = mixed_instances_policy.value.version
        }
        dynamic "override" {
          for_each = var.instance_types
          content {
            instance_type = override.value
          }
        }
      }
    }
  }

  # Only stopped instances: a started one boots, and its worker completes the launch hook again.
  dynamic "warm_pool" {
    for_each = var.warm_pool == null ? [] : [var.warm_pool]
    content {
      pool_state                  = "Stopped"
      min_size                    = warm_pool.value.min_size
      max_group_prepared_capacity = warm_pool.value.max_prepared
    }
  }

  # The worker completes this hook once it polls, so an instance in service works. If it never does, it is replaced.
  initial_lifecycle_hook {
    name                 = local.hooks.launch
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    heartbeat_timeout    = 600
    default_result       = "ABANDON"
  }

  initial_lifecycle_hook {
    name                 = local.hooks.termination
    lifecycle_transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    heartbeat_timeout    = 300
    default_result       = "CONTINUE"
  }

  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 110
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

  lifecycle {
    ignore_changes = [desired_capacity] # The alarms' to change.
  }
}
