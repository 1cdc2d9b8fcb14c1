locals {
  # While a group replaces its last instance it has none in service, and metrics may be late: FILL repeats the last
  # value. FILL with 0 would leave the alarm stuck.
  in_service = "IF(FILL(m_inservice, REPEAT) > 0, FILL(m_inservice, REPEAT), 1)"

  backlog_expression = "m_visible / ${local.in_service}"

  # Workers needed for all that waits or is in flight, less those left when one goes. Nothing visible doesn't mean
  # nothing to do: busy workers hold it. Not by what they hold at most, or a busy group would look idle. The outer IF drops the point where SQS has not reported, since arithmetic
  # would take a missing value for 0.
  workers_needed     = "CEIL((m_visible + m_inflight) / ${var.scale_in_pictures})"
  surplus_expression = "IF(m_visible >= 0, ${local.workers_needed} - (${local.in_service} - 1))"

  queue = { QueueName = var.request_queue_name }
  group = { AutoScalingGroupName = local.group_name }

  metrics = {
    m_visible   = { namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", dimensions = local.queue }
    m_inflight  = { namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesNotVisible", dimensions = local.queue }
    m_inservice = { namespace = "AWS/AutoScaling", name = "GroupInServiceInstances", dimensions = local.group }
  }

  out_statistics = { m_visible = "Maximum", m_inservice = "Average" }
  in_statistics  = { m_visible = "Maximum", m_inflight = "Maximum", m_inservice = "Minimum" }
}

# Scale-out, by steps

resource "aws_autoscaling_policy" "out" {
  count = var.scaling == "step" ? 1 : 0

  name                   = "backlog-scale-out"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "StepScaling"
  # Not ExactCapacity, because a scale-out alarm could then shrink the group.
  adjustment_type           = "PercentChangeInCapacity"
  min_adjustment_magnitude  = 1
  metric_aggregation_type   = "Maximum"
  estimated_instance_warmup = var.warmup_seconds

  dynamic "step_adjustment" {
    for_each = var.scale_out_steps
    content {
      metric_interval_lower_bound = step_adjustment.value.above
      metric_interval_upper_bound = try(var.scale_out_steps[step_adjustment.key + 1].above, null)
      scaling_adjustment          = step_adjustment.value.percent
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "out" {
  count = var.scaling == "step" ? 1 : 0

  alarm_name          = "${var.name}-backlog-high"
  alarm_description   = "More than ${var.scale_out_threshold} pictures wait for each worker in service: more workers."
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.scale_out_threshold
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_autoscaling_policy.out[0].arn]

  metric_query {
    id          = "backlog"
    label       = "Backlog per instance"
    expression  = local.backlog_expression
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.out_statistics
    content {
      id          = metric_query.key
      return_data = false
      metric {
        namespace   = local.metrics[metric_query.key].namespace
        metric_name = local.metrics[metric_query.key].name
        dimensions  = local.metrics[metric_query.key].dimensions
        stat        = metric_query.value
        period      = 60
      }
    }
  }
}

# Scale-out, by target tracking

resource "aws_autoscaling_policy" "target" {
  count = var.scaling == "target_tracking" ? 1 : 0

  name                      = "backlog-target"
  autoscaling_group_name    = aws_autoscaling_group.this.name
  policy_type               = "TargetTrackingScaling"
  estimated_instance_warmup = var.warmup_seconds

  target_tracking_configuration {
    target_value     = var.scale_out_threshold
    disable_scale_in = true # Nothing visible isn't nothing to do: the alarm below shrinks the group.

    customized_metric_specification {
      metrics {
        id          = "backlog"
        label       = "Backlog per instance"
        expression  = local.backlog_expression
        return_data = true
      }

      dynamic "metrics" {
        for_each = local.out_statistics
        content {
          id          = metrics.key
          return_data = false
          metric_stat {
            stat = metrics.value
            metric {
              namespace   = local.metrics[metrics.key].namespace
              metric_name = local.metrics[metrics.key].name
              dynamic "dimensions" {
                for_each = local.metrics[metrics.key].dimensions
                content {
                  name  = dimensions.key
                  value = dimensions.value
                }
              }
            }
          }
        }
      }
    }
  }
}

# Scale-in

resource "aws_autoscaling_policy" "in" {
  name                    = "backlog-scale-in"
  autoscaling_group_name  = aws_autoscaling_group.this.name
  policy_type             = "StepScaling"
  adjustment_type         = "ChangeInCapacity"
  metric_aggregation_type = "Maximum"

  dynamic "step_adjustment" {
    for_each = var.scale_in_steps
    content {
      metric_interval_lower_bound = try(var.scale_in_steps[step_adjustment.key + 1].below, null)
      metric_interval_upper_bound = step_adjustment.value.below
      scaling_adjustment          = -step_adjustment.value.remove
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "in" {
  alarm_name          = "${var.name}-backlog-low"
  alarm_description   = "What waits and is in flight fits on fewer workers: fewer workers."
  comparison_operator = "LessThanOrEqualToThreshold"
  threshold           = var.scale_in_threshold
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_autoscaling_policy.in.arn]

  metric_query {
    id          = "surplus"
    label       = "Workers needed beyond those left when one goes"
    expression  = local.surplus_expression
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.in_statistics
    content {
      id          = metric_query.key
      return_data = false
      metric {
        namespace   = local.metrics[metric_query.key].namespace
        metric_name = local.metrics[metric_query.key].name
        dimensions  = local.metrics[metric_query.key].dimensions
        stat        = metric_query.value
        period      = var.scale_in_seconds
      }
    }
  }
}

# From zero

resource "aws_autoscaling_policy" "wake" {
  count = var.scale_to_zero ? 1 : 0

  name                   = "wake"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "StepScaling"
  # The alarm acts each minute until the first worker is in service. A booting worker counts, so only one is added.
  adjustment_type           = "ChangeInCapacity"
  metric_aggregation_type   = "Maximum"
  estimated_instance_warmup = var.warmup_seconds

  step_adjustment {
    metric_interval_lower_bound = 0
    scaling_adjustment          = 1
  }
}

resource "aws_cloudwatch_metric_alarm" "wake" {
  count = var.scale_to_zero ? 1 : 0

  alarm_name          = "${var.name}-wake"
  alarm_description   = "A picture waits and no worker is in service: the first worker."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_autoscaling_policy.wake[0].arn]

  metric_query {
    id          = "asleep"
    label       = "Pictures that wait while no worker is in service"
    expression  = "IF(FILL(m_inservice, 0) < 1, m_visible, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.out_statistics
    content {
      id          = metric_query.key
      return_data = false
      metric {
        namespace   = local.metrics[metric_query.key].namespace
        metric_name = local.metrics[metric_query.key].name
        dimensions  = local.metrics[metric_query.key].dimensions
        stat        = metric_query.value
        period      = 60
      }
    }
  }
}
