locals {
  target_port = 8000

  # The synchronous routes of project/settings.py.
  synchronous_paths = ["/", "/postApi/image", "/postApi/image/"]
}

resource "aws_lb" "this" {
  #checkov:skip=CKV2_AWS_28: A web application firewall costs money per request; the site limits rates and bodies itself.
  #checkov:skip=CKV_AWS_150: Set by the variable deletion_protection; a trial has to be destroyed.
  #checkov:skip=CKV2_AWS_20: Port 80 redirects if there is a certificate; checkov doesn't evaluate the condition.
  name                       = local.group_name
  load_balancer_type         = "application"
  security_groups            = [var.security_group_ids["load-balancer"]]
  subnets                    = var.public_subnet_ids
  idle_timeout               = 400 # Synchronous requests wait SYNC_WAIT_SECONDS for their answer.
  drop_invalid_header_fields = true
  enable_deletion_protection = var.deletion_protection

  access_logs {
    bucket  = var.access_logs_bucket
    enabled = true
  }
}

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378: TLS ends at the load balancer; security groups protect the connection to the instances inside the VPC.
  name                 = local.group_name
  port                 = local.target_port
  protocol             = "HTTP"
  vpc_id               = var.vpc_id
  deregistration_delay = 400 # No answer that is waited for is cut off.

  health_check {
    path                = "/healthz"
    matcher             = "200"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "http" {
  #checkov:skip=CKV_AWS_2: Redirects if there is a certificate; without one there is only HTTP.
  #checkov:skip=CKV_AWS_103: There is no TLS on port 80.
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type             = local.https ? "redirect" : "forward"
    target_group_arn = local.https ? null : aws_lb_target_group.this.arn

    dynamic "redirect" {
      for_each = local.https ? [1] : []
      content {
        port        = "443"
        protocol    = "HTTPS"
        status_code = "HTTP_301"
      }
    }
  }
}

# Legacy clients use plain HTTP and follow no redirect.
resource "aws_lb_listener_rule" "synchronous" {
  count = local.https && var.open_synchronous_routes ? 1 : 0

  listener_arn = aws_lb_listener.http.arn
  priority     = 10

  condition {
    path_pattern {
      values = local.synchronous_paths
    }
  }
  condition {
    http_request_method {
      values = ["POST"]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}

resource "aws_lb_listener" "https" {
  count = local.https ? 1 : 0

  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}

resource "aws_route53_record" "site" {
  count = var.zone_id == null ? 0 : 1

  zone_id = var.zone_id
  name    = var.domain_name
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = true
  }
}
