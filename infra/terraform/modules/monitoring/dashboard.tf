locals {
  visible    = "ApproximateNumberOfMessagesVisible"
  in_flight  = "ApproximateNumberOfMessagesNotVisible"
  in_service = "GroupInServiceInstances"

  load_balancer_time = ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", var.load_balancer]

  widgets = [
    {
      title = "Backlog per instance"
      stat  = "Maximum"
      metrics = [
        [{ expression = var.backlog_expression, id = "backlog", label = "Waiting pictures per worker" }],
        ["AWS/SQS", local.visible, "QueueName", var.queues.requests, { id = "m_visible", visible = false }],
        ["AWS/AutoScaling", local.in_service, "AutoScalingGroupName", var.worker_group, { id = "m_inservice", visible = false }],
      ]
    },
    {
      title = "Workers"
      stat  = "Maximum"
      metrics = [
        for metric in ["GroupDesiredCapacity", local.in_service, "GroupPendingInstances", "GroupTerminatingInstances"] :
        ["AWS/AutoScaling", metric, "AutoScalingGroupName", var.worker_group]
      ]
    },
    {
      title = "Waiting and in flight"
      stat  = "Maximum"
      metrics = [
        for pair in setproduct([local.visible, local.in_flight], values(var.queues)) :
        ["AWS/SQS", pair[0], "QueueName", pair[1]]
      ]
    },
    {
      title   = "Age of the oldest message (s)"
      stat    = "Maximum"
      metrics = [for queue in values(var.queues) : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue]]
    },
    {
      title = "Answers in time (s)"
      stat  = "p95"
      metrics = [
        concat(local.load_balancer_time, [{ label = "95 of 100" }]),
        concat(local.load_balancer_time, [{ label = "half", stat = "p50" }]),
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
      title = "Dead letters"
      stat  = "Sum"
      metrics = [
        for queue in values(var.dead_letter_queues) : ["AWS/SQS", "NumberOfMessagesReceived", "QueueName", queue]
      ]
    },
    {
      title = "Dead letters not yet taken"
      stat  = "Maximum"
      metrics = [
        for queue in values(var.dead_letter_queues) : ["AWS/SQS", local.visible, "QueueName", queue]
      ]
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
