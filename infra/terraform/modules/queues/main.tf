locals {
  days = 24 * 3600

  # The same as in infra/local/resources.py for a local stack; a test compares them.
  queues = {
    requests = { visibility_timeout = 20, max_receives = 5, retention = 14 * local.days }
    # Results stay valid while the database is unavailable, so only unreadable messages become dead letters.
    responses = { visibility_timeout = 15, max_receives = 100, retention = 14 * local.days }
    # Old events would make Flower show stopped workers as running.
    events = { visibility_timeout = 30, max_receives = null, retention = 300 }
  }

  with_dead_letters = { for key, queue in local.queues : key => queue if queue.max_receives != null }

  all = merge(
    { for key, queue in aws_sqs_queue.this : key => queue },
    { for key, queue in aws_sqs_queue.dead_letters : "${key}-dead-letters" => queue },
  )
}

resource "aws_sqs_queue" "this" {
  for_each = local.queues

  name                       = "${var.name}-${each.key}"
  visibility_timeout_seconds = each.value.visibility_timeout
  message_retention_seconds  = each.value.retention
  sqs_managed_sse_enabled    = true

  redrive_policy = each.value.max_receives == null ? null : jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[each.key].arn
    maxReceiveCount     = each.value.max_receives
  })
}

resource "aws_sqs_queue" "dead_letters" {
  for_each = local.with_dead_letters

  name                      = "${var.name}-${each.key}-dead-letters"
  message_retention_seconds = 14 * local.days
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  for_each = local.with_dead_letters

  queue_url = aws_sqs_queue.dead_letters[each.key].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this[each.key].arn]
  })
}

resource "aws_sqs_queue_policy" "tls_only" {
  for_each = local.all

  queue_url = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "RefusePlainHttp"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = each.value.arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
