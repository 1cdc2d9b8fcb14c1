locals {
  alarms = merge(
    {
      for key, queue in var.dead_letter_queues : "dead-letters-of-${key}" => {
        # consume_dead_letters removes them within a second, so this counts received messages.
        description = "New dead letters in ${queue}: see Dead letters in the admin."
        namespace   = "AWS/SQS"
        metric      = "NumberOfMessagesReceived"
        dimensions  = { QueueName = queue }
        statistic   = "Sum"
        threshold   = 0
        period      = 60
        periods     = 1
      }
    },
    {
      for key, queue in var.dead_letter_queues : "unread-dead-letters-of-${key}" => {
        description = "consume_dead_letters leaves messages in ${queue}."
        namespace   = "AWS/SQS"
        metric      = "ApproximateNumberOfMessagesVisible"
        dimensions  = { QueueName = queue }
        statistic   = "Minimum"
        threshold   = 0
        period      = 300
        periods     = 2
      }
    },
    {
      oldest-request = {
        description = "A picture has been waiting for more than ${var.oldest_request_seconds} s: there are too few workers, or they fail."
        namespace   = "AWS/SQS"
        metric      = "ApproximateAgeOfOldestMessage"
        dimensions  = { QueueName = var.queues.requests }
        statistic   = "Maximum"
        threshold   = var.oldest_request_seconds
        period      = 60
        periods     = 5
      }
      oldest-response = {
        description = "A result has not been written for more than 300 s: consume_results or the database is unavailable."
        namespace   = "AWS/SQS"
        metric      = "ApproximateAgeOfOldestMessage"
        dimensions  = { QueueName = var.queues.responses }
        statistic   = "Maximum"
        threshold   = 300
        period      = 60
        periods     = 5
      }
      load-balancer-5xx = {
        description = "The load balancer can't reach the site."
        namespace   = "AWS/ApplicationELB"
        metric      = "HTTPCode_ELB_5XX_Count"
        dimensions  = { LoadBalancer = var.load_balancer }
        statistic   = "Sum"
        threshold   = 5
        period      = 300
        periods     = 1
      }
      site-5xx = {
        description = "The site responds with server errors."
        namespace   = "AWS/ApplicationELB"
        metric      = "HTTPCode_Target_5XX_Count"
        dimensions  = { LoadBalancer = var.load_balancer, TargetGroup = var.target_group }
        statistic   = "Sum"
        threshold   = 5
        period      = 300
        periods     = 1
      }
      workers-at-maximum = {
        description = "All ${var.worker_max_size} workers have been in service for an hour."
        namespace   = "AWS/AutoScaling"
        metric      = "GroupInServiceInstances"
        dimensions  = { AutoScalingGroupName = var.worker_group }
        statistic   = "Minimum"
        threshold   = var.worker_max_size - 1
        period      = 300
        periods     = 12
      }
    },
  )
}

resource "aws_sns_topic" "alerts" {
  #checkov:skip=CKV_AWS_26: CloudWatch can't publish to a topic under SNS's own key, and alarms say nothing secret.
  name = "${var.name}-alerts"
}

resource "aws_sns_topic_policy" "alerts" {
  arn = aws_sns_topic.alerts.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AlarmsAndBudgetOfThisAccount"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alerts.arn
        Condition = { StringEquals = { "aws:SourceAccount" = var.account.id } }
      },
      {
        Sid       = "RefusePlainHttp"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alerts.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "email" {
  count = var.alert_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alerts.arn
  protocol  = "email"
  endpoint  = var.alert_email
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]
}

resource "aws_budgets_budget" "monthly" {
  name         = "${var.name}-monthly"
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  dynamic "notification" {
    for_each = toset(["ACTUAL", "FORECASTED"])
    content {
      comparison_operator       = "GREATER_THAN"
      threshold                 = 100
      threshold_type            = "PERCENTAGE"
      notification_type         = notification.key
      subscriber_sns_topic_arns = [aws_sns_topic.alerts.arn]
    }
  }

  depends_on = [aws_sns_topic_policy.alerts]
}
