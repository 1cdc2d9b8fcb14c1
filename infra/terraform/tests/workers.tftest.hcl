# The workers' module by itself, with AWS mocked.

mock_provider "aws" {
  mock_resource "aws_launch_template" {
    defaults        = { id = "lt-0123456789abcdef0", latest_version = 7 }
    override_during = plan
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults        = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/trial/worker" }
    override_during = plan
  }
}

variables {
  name                = "trial"
  account             = { id = "123456789012", partition = "aws", region = "eu-central-1" }
  subnet_ids          = ["subnet-1", "subnet-2"]
  security_group_id   = "sg-1"
  policy              = "{}"
  environment         = { REQUEST_QUEUE_URL = "https://sqs/trial-requests" }
  request_queue_name  = "trial-requests"
  ami_id              = "ami-0123456789abcdef0"
  root_device_name    = "/dev/xvda"
  volume_gb           = 20
  log_retention_days  = 30
  instance_types      = ["c7i.large", "c7a.large"]
  min_size            = 1
  max_size            = 20
  spot_percentage     = 0
  warm_pool           = null
  model               = "resnet50"
  model_weights       = ""
  engine              = "torch"
  onnx_model          = ""
  max_batch_size      = 8
  model_threads       = 2
  scaling             = "step"
  scale_to_zero       = false
  scale_out_threshold = 1
  scale_in_threshold  = 0
  scale_in_pictures   = 2
  scale_in_seconds    = 120
  warmup_seconds      = 60
  scale_out_steps     = [{ above = 0, percent = 25 }, { above = 4, percent = 50 }, { above = 49, percent = 1900 }]
  scale_in_steps      = [{ below = 0, remove = 1 }, { below = -1, remove = 2 }]
}

run "the_demanded_fleet" {
  command = plan
  module {
    source = "./modules/workers"
  }

  assert {
    condition = (
      aws_autoscaling_group.this.min_size == 1 && aws_autoscaling_group.this.max_size == 20
      && aws_autoscaling_group.this.desired_capacity == 1
    )
    error_message = "1 to 20 workers, 1 at first"
  }
  assert {
    condition = (
      aws_autoscaling_group.this.name == "trial-workers"
      && aws_autoscaling_group.this.default_instance_warmup == 60
    )
    error_message = "the group's name is the contract's, and its warm-up is explicit"
  }
  assert {
    condition = (
      aws_autoscaling_group.this.metrics_granularity == "1Minute"
      && contains(aws_autoscaling_group.this.enabled_metrics, "GroupInServiceInstances")
    )
    error_message = "the backlog per instance needs the group's metrics"
  }
  assert {
    condition = {
      for hook in aws_autoscaling_group.this.initial_lifecycle_hook :
      hook.name => [hook.lifecycle_transition, hook.heartbeat_timeout, hook.default_result]
      } == {
      ready = ["autoscaling:EC2_INSTANCE_LAUNCHING", 600, "ABANDON"]
      drain = ["autoscaling:EC2_INSTANCE_TERMINATING", 300, "CONTINUE"]
    }
    error_message = "a worker is in service when it says so, and drains before it ends"
  }
  assert {
    condition = (
      aws_autoscaling_group.this.mixed_instances_policy[0].instances_distribution[0].on_demand_base_capacity == 1
      && aws_autoscaling_group.this.mixed_instances_policy[0].instances_distribution[0].on_demand_percentage_above_base_capacity == 100
      && aws_autoscaling_group.this.mixed_instances_policy[0].launch_template[0].override[*].instance_type == tolist(["c7i.large", "c7a.large"])
      && aws_autoscaling_group.this.capacity_rebalance == false
    )
    error_message = "all instance types, no spot instances"
  }
  assert {
    condition = (
      length(aws_autoscaling_group.this.warm_pool) == 0
      && length(aws_cloudwatch_metric_alarm.wake) == 0
      && length(aws_autoscaling_policy.target) == 0
    )
    error_message = "warm pool, target tracking and scale to zero are off by default"
  }
}

run "scale_out" {
  command = plan
  module {
    source = "./modules/workers"
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.out[0].threshold == 1
      && aws_cloudwatch_metric_alarm.out[0].comparison_operator == "GreaterThanThreshold"
      && aws_cloudwatch_metric_alarm.out[0].evaluation_periods == 1
      && aws_cloudwatch_metric_alarm.out[0].treat_missing_data == "notBreaching"
    )
    error_message = "out above 1"
  }
  assert {
    condition = { for query in aws_cloudwatch_metric_alarm.out[0].metric_query : query.id => query.return_data } == {
      backlog = true, m_visible = false, m_inservice = false
    }
    error_message = "the alarm looks at the backlog per instance alone"
  }
  assert {
    condition = alltrue([
      for query in aws_cloudwatch_metric_alarm.out[0].metric_query : alltrue([for metric in query.metric : metric.period == 60])
    ])
    error_message = "once a minute"
  }
  assert {
    condition = (
      aws_autoscaling_policy.out[0].adjustment_type == "PercentChangeInCapacity"
      && aws_autoscaling_policy.out[0].min_adjustment_magnitude == 1
    )
    error_message = "an alarm that says more never shrinks the group"
  }
  assert {
    condition = toset([
      for step in aws_autoscaling_policy.out[0].step_adjustment :
      [step.metric_interval_lower_bound, step.metric_interval_upper_bound, tostring(step.scaling_adjustment)]
    ]) == toset([["0", "4", "25"], ["4", "49", "50"], ["49", null, "1900"]])
    error_message = "steps without gaps, the last without end"
  }
}

run "scale_in" {
  command = plan
  module {
    source = "./modules/workers"
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.in.threshold == 0
      && aws_cloudwatch_metric_alarm.in.comparison_operator == "LessThanOrEqualToThreshold"
    )
    error_message = "in at or below 0"
  }
  assert {
    condition = [for query in aws_cloudwatch_metric_alarm.in.metric_query : query.expression if query.return_data] == [
      "IF(m_visible >= 0, CEIL((m_visible + m_inflight) / 2) - (IF(FILL(m_inservice, REPEAT) > 0, FILL(m_inservice, REPEAT), 1) - 1))"
    ]
    error_message = "what is in flight counts, by what one worker at full work has"
  }
  assert {
    condition = alltrue([
      for query in aws_cloudwatch_metric_alarm.in.metric_query : alltrue([for metric in query.metric : metric.period == 120])
    ])
    error_message = "only after two minutes"
  }
  assert {
    condition = toset([
      for step in aws_autoscaling_policy.in.step_adjustment :
      [step.metric_interval_lower_bound, step.metric_interval_upper_bound, tostring(step.scaling_adjustment)]
    ]) == toset([["-1", "0", "-1"], [null, "-1", "-2"]])
    error_message = "steps without gaps, the last without end"
  }
}

run "scale_in_for_other_workers" {
  command = plan
  module {
    source = "./modules/workers"
  }
  variables {
    scale_in_pictures = 2.5
    scale_in_seconds  = 300
  }

  assert {
    condition = strcontains(one([
      for query in aws_cloudwatch_metric_alarm.in.metric_query : query.expression if query.return_data
    ]), "/ 2.5)")
    error_message = "one worker is kept for so many pictures"
  }
  assert {
    condition = alltrue([
      for query in aws_cloudwatch_metric_alarm.in.metric_query : alltrue([for metric in query.metric : metric.period == 300])
    ])
    error_message = "only after five minutes"
  }
}

run "the_instance" {
  command = plan
  module {
    source = "./modules/tier"
  }
  variables {
    tier          = "worker"
    group_name    = "trial-workers"
    instance_type = "c7i.large"
    environment   = { B = "2", A = "1" }
    hooks         = { launch = "ready", termination = "drain" }
  }

  assert {
    condition = (
      aws_launch_template.this.metadata_options[0].http_tokens == "required"
      && aws_launch_template.this.metadata_options[0].http_put_response_hop_limit == 1
    )
    error_message = "IMDSv2 alone, and no further than the instance"
  }
  assert {
    condition = (
      aws_launch_template.this.block_device_mappings[0].ebs[0].encrypted == "true"
      && aws_launch_template.this.block_device_mappings[0].ebs[0].volume_type == "gp3"
      && aws_launch_template.this.monitoring[0].enabled && aws_launch_template.this.key_name == null
    )
    error_message = "encrypted disk, detailed monitoring, no SSH key"
  }
  assert {
    condition = yamldecode(base64decode(aws_launch_template.this.user_data)).write_files[0].content == join("", [
      "A=1\n", "ASG_NAME=trial-workers\n", "AWS_REGION=eu-central-1\n", "B=2\n", "LAUNCH_HOOK=ready\n",
      "TERMINATION_HOOK=drain\n",
    ])
    error_message = "cloud-init writes exactly the environment"
  }
  assert {
    condition = strcontains(
      yamldecode(base64decode(aws_launch_template.this.user_data)).write_files[1].content,
      "\"log_group_name\": \"/trial/worker\"",
    )
    error_message = "logs go to the tier's own group"
  }
  assert {
    condition = yamldecode(base64decode(aws_launch_template.this.user_data)).runcmd[1] == [
      "systemctl", "enable", "--now", "recognition-worker.target",
    ]
    error_message = "the tier is started"
  }
  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.instance.policy).Statement : statement.Resource] == [
      ["arn:aws:autoscaling:eu-central-1:123456789012:autoScalingGroup:*:autoScalingGroupName/trial-workers"],
      ["arn:aws:logs:eu-central-1:123456789012:log-group:/trial/worker:*"],
    ]
    error_message = "an instance answers for its own group, and writes to its own logs"
  }
}

run "weights_in_s3" {
  command = plan
  module {
    source = "./modules/workers"
  }
  variables {
    model_weights = "s3://models/resnet50.pt"
  }

  assert {
    condition     = output.environment.MODEL_WEIGHTS == "s3://models/resnet50.pt"
    error_message = "the worker reads them"
  }
  assert {
    condition = [
      for statement in jsondecode(output.instance_policy).Statement : statement.Resource if statement.Sid == "ReadModel"
    ] == [["arn:aws:s3:::models/resnet50.pt"]]
    error_message = "the worker may read them"
  }
}

run "spot_instances" {
  command = plan
  module {
    source = "./modules/workers"
  }
  variables {
    spot_percentage = 70
  }

  assert {
    condition = (
      aws_autoscaling_group.this.mixed_instances_policy[0].instances_distribution[0].on_demand_percentage_above_base_capacity == 30
      && aws_autoscaling_group.this.mixed_instances_policy[0].instances_distribution[0].on_demand_base_capacity == 1
      && aws_autoscaling_group.this.capacity_rebalance
    )
    error_message = "70 % spot above the first, replaced before they are taken"
  }
}

run "gpu_with_warm_pool" {
  command = plan
  module {
    source = "./modules/workers"
  }
  variables {
    instance_types = ["g5.xlarge"]
    model_threads  = 1
    max_batch_size = 32
    warm_pool      = { min_size = 2, max_prepared = 5 }
  }

  assert {
    condition = (
      aws_autoscaling_group.this.warm_pool[0].pool_state == "Stopped"
      && aws_autoscaling_group.this.warm_pool[0].min_size == 2
      && aws_autoscaling_group.this.warm_pool[0].max_group_prepared_capacity == 5
    )
    error_message = "a warm pool of stopped instances"
  }
  assert {
    condition = (
      length(aws_autoscaling_group.this.mixed_instances_policy) == 0
      && length(aws_autoscaling_group.this.launch_template) == 1
    )
    error_message = "AWS refuses a warm pool for a mixed group"
  }
}

run "target_tracking" {
  command = plan
  module {
    source = "./modules/workers"
  }
  variables {
    scaling             = "target_tracking"
    scale_out_threshold = 5
  }

  assert {
    condition = (
      aws_autoscaling_policy.target[0].target_tracking_configuration[0].target_value == 5
      && aws_autoscaling_policy.target[0].target_tracking_configuration[0].disable_scale_in
      && length(aws_autoscaling_policy.out) == 0 && length(aws_cloudwatch_metric_alarm.out) == 0
    )
    error_message = "target tracking in place of the steps out"
  }
  assert {
    condition = [
      for metric in aws_autoscaling_policy.target[0].target_tracking_configuration[0].customized_metric_specification[0].metrics :
      metric.expression if metric.return_data
    ] == [output.backlog_expression]
    error_message = "on the backlog per instance"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.in.threshold == 0
    error_message = "what is in flight still keeps workers"
  }
}

run "scale_to_zero" {
  command = plan
  module {
    source = "./modules/workers"
  }
  variables {
    scale_to_zero = true
  }

  assert {
    condition     = aws_autoscaling_group.this.min_size == 0
    error_message = "no worker at least"
  }
  assert {
    condition = (
      aws_autoscaling_policy.wake[0].adjustment_type == "ChangeInCapacity"
      && one(aws_autoscaling_policy.wake[0].step_adjustment).scaling_adjustment == 1
      && aws_cloudwatch_metric_alarm.wake[0].threshold == 0
    )
    error_message = "the first picture wakes one worker"
  }
}
