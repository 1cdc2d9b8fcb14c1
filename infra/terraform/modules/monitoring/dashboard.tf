locals {
  queue_series = {
    for metric in ["ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible", "ApproximateAgeOfOldestMessage"] :
    metric => [for queue in values(var.queues) : ["AWS/SQS", metric, "QueueName", queue]]
  }

  widgets = [
    {
      title = "Backlog per instance"
      stat  = "Maximum"
      metrics = [
        [{ expression = var.backlog_expression, id = "backlog", label = "Waiting pictures per worker" }],
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.queues.requests, { id = "m_visible", visible = false }],
        ["AWS/AutoScaling", "GroupInServiceInstances", "AutoScalingGroupName", var.worker_group, { id = "m_inservice", visible = false }],
      ]
    },
    {
      title = "Workers"
      stat  = "Maximum"
      metrics = [
        for metric in ["GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances", "GroupTerminatingInstances"] :
        ["AWS/AutoScaling", metric, "AutoScalingGroupName", var.worker_group]
      ]
    },
    {
      title   = "Waiting and in flight"
      stat    = "Maximum"
      metrics = concat(local.queue_series["ApproximateNumberOfMessagesVisible"], local.queue_series["ApproximateNumberOfMessagesNotVisible"])
    },
    {
      title   = "Age of the oldest message (s)"
      stat    = "Maximum"
      metrics = local.queue_series["ApproximateAgeOfOldestMessage"]
    },
    {
      title = "Answers in time (s)"
      stat  = "p95"
      metrics = [
        ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", var.load_balancer, { label = "95 of 100" }],
        ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", var.load_balancer, { label = "half", stat = "p50" }],
      ]
    },
    {
      title = "Requests and server errors"
      stat  = "Sum"
      metrics = [
        for metric in ["RequestCount", "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"] :
        ["AWS/ApplicationELB", metric, "LoadBalancer", var.load_balancer]
      ]
    },
    {
      title   = "Dead letters"
      stat    = "Sum"
      metrics = [for queue in values(var.dead_letter_queues) : ["AWS/SQS", "NumberOfMessagesReceived", "QueueName", queue]]
    },
    {
      title   = "Dead letters not yet taken"
      stat    = "Maximum"
      metrics = [for queue in values(var.dead_letter_queues) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [
      for i, widget in local.widgets : {
        type   = "metric"
        x      = 12 * (i % 2)
        y      = 6 * floor(i / 2)
        width  = 12
        height = 6
        properties = {
          title   = widget.title
          stat    = widget.stat
          metrics = widget.metrics
          region  = var.account.region
          period  = 60
          view    = "timeSeries"
        }
      }
    ]
  })
}
