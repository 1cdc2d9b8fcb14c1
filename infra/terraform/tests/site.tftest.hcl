# Access from the internet: the network and web modules, with AWS mocked.

mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }
  mock_resource "aws_security_group" {
    defaults = { id = "sg-0123456789abcdef0" }
  }
  mock_resource "aws_launch_template" {
    defaults        = { id = "lt-0123456789abcdef0", latest_version = 7 }
    override_during = plan
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults        = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/trial/web" }
    override_during = plan
  }
  mock_resource "aws_lb" {
    defaults = {
      arn        = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/trial-web/0123456789abcdef"
      arn_suffix = "app/trial-web/0123456789abcdef"
      dns_name   = "trial-web-1.eu-central-1.elb.amazonaws.com"
    }
    override_during = plan
  }
  mock_resource "aws_lb_target_group" {
    defaults        = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/trial-web/0123456789abcdef" }
    override_during = plan
  }
  mock_resource "aws_lb_listener" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/trial-web/0123456789abcdef/1" }
  }
}

variables {
  name               = "trial"
  account            = { id = "123456789012", partition = "aws", region = "eu-central-1" }
  log_retention_days = 30

  vpc_id             = "vpc-1"
  public_subnet_ids  = ["subnet-1", "subnet-2"]
  private_subnet_ids = ["subnet-3", "subnet-4"]
  access_logs_bucket = "trial-logs"
  root_device_name   = "/dev/xvda"
  ami_id             = "ami-0123456789abcdef0"
  policy             = "{}"
  secret_arn         = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:trial/web"
  environment        = {}
  security_group_ids = { load-balancer = "sg-1", web = "sg-2" }
}

run "network" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    vpc_cidr            = "10.40.0.0/16"
    zones               = 3
    nat_per_zone        = false
    interface_endpoints = true
    allowed_cidrs       = ["198.51.100.7/32", "203.0.113.0/24"]
    https               = true
  }

  assert {
    condition = toset([
      for rule in aws_vpc_security_group_ingress_rule.entry : "${rule.from_port} ${rule.to_port} ${rule.cidr_ipv4}"
      ]) == toset([
      "80 80 198.51.100.7/32", "443 443 198.51.100.7/32", "80 80 203.0.113.0/24", "443 443 203.0.113.0/24",
    ])
    error_message = "the load balancer is reached on its two ports, by those who are allowed"
  }
  assert {
    condition = {
      for key, rule in aws_vpc_security_group_ingress_rule.inside :
      key => "${rule.from_port} ${rule.to_port} ${rule.description}"
    } == { requests = "8000 8000 From load-balancer", database = "5432 5432 From web" }
    error_message = "inside, the load balancer reaches the web tier, the web tier the database, and nobody a worker or Flower"
  }
  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.inside : rule.cidr_ipv4 == null])
    error_message = "inside, groups are named, not addresses"
  }
  assert {
    condition = alltrue([
      for rule in concat(
        values(aws_vpc_security_group_ingress_rule.inside), values(aws_vpc_security_group_ingress_rule.entry),
        [aws_vpc_security_group_ingress_rule.endpoints],
      ) : rule.from_port > 22
    ])
    error_message = "no SSH"
  }
  assert {
    condition = alltrue([
      for description in concat(
        [for group in aws_security_group.this : group.description],
        [for rule in aws_vpc_security_group_ingress_rule.inside : rule.description],
        [for rule in aws_vpc_security_group_ingress_rule.entry : rule.description],
        [for rule in aws_vpc_security_group_egress_rule.inside : rule.description],
        [for rule in aws_vpc_security_group_egress_rule.aws : rule.description],
        [aws_vpc_security_group_ingress_rule.endpoints.description],
      ) : can(regex("^[A-Za-z0-9 ._:/()#,@\\[\\]+=&;{}!$*-]{1,255}$", description))
    ])
    error_message = "descriptions have only the characters that EC2 takes, which neither plan nor emulator looks at"
  }
  assert {
    condition = alltrue([
      for subnet in concat(values(aws_subnet.private), values(aws_subnet.public)) : subnet.map_public_ip_on_launch != true
    ])
    error_message = "no instance gets a public address"
  }
  assert {
    condition = (
      length(aws_nat_gateway.this) == 1 && length(aws_subnet.public) == 3 && length(aws_subnet.private) == 3
      && length(distinct([
        for subnet in concat(values(aws_subnet.private), values(aws_subnet.public)) : subnet.cidr_block
      ])) == 6
    )
    error_message = "three zones, one NAT gateway"
  }
  assert {
    condition = toset(keys(aws_vpc_endpoint.interface)) == toset([
      "autoscaling", "ec2messages", "logs", "secretsmanager", "sqs", "ssm", "ssmmessages",
    ])
    error_message = "what instances call stays inside"
  }
}

run "network_of_two_zones_that_depend_on_none" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    vpc_cidr            = "10.40.0.0/20"
    zones               = 2
    nat_per_zone        = true
    interface_endpoints = false
    allowed_cidrs       = ["0.0.0.0/0"]
    https               = false
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 2 && length(aws_vpc_endpoint.interface) == 0
    error_message = "a NAT gateway for each zone, no interface endpoints"
  }
  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.entry : tostring(rule.from_port)] == ["80"]
    error_message = "without a certificate there is nothing on port 443"
  }
}

run "https_with_routes_for_the_old_clients" {
  command = plan
  module {
    source = "./modules/web"
  }
  variables {
    deletion_protection     = true
    domain_name             = "pictures.example.org"
    certificate_arn         = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
    zone_id                 = "Z0123456789ABCDEFGHIJ"
    open_synchronous_routes = true
    instance_type           = "t3.small"
    min_size                = 2
    max_size                = 4
  }

  assert {
    condition = (
      aws_lb.this.idle_timeout == 400
      && aws_lb.this.drop_invalid_header_fields
      && aws_lb.this.enable_deletion_protection
      && aws_lb.this.access_logs[0].enabled
    )
    error_message = "the load balancer waits for answers, is strict, protected and keeps logs"
  }
  assert {
    condition = (
      aws_lb_target_group.this.port == 8000
      && aws_lb_target_group.this.health_check[0].path == "/healthz"
      && aws_lb_target_group.this.deregistration_delay == "400"
    )
    error_message = "an instance is asked whether it lives, and keeps what waits for its answer"
  }
  assert {
    condition = (
      aws_lb_listener.http.default_action[0].type == "redirect"
      && aws_lb_listener.http.default_action[0].redirect[0].protocol == "HTTPS"
    )
    error_message = "port 80 redirects"
  }
  assert {
    condition = (
      aws_lb_listener_rule.synchronous[0].action[0].type == "forward"
      && toset(flatten([
        for condition in aws_lb_listener_rule.synchronous[0].condition : [for path in condition.path_pattern : path.values]
      ])) == toset(["/", "/postApi/image", "/postApi/image/"])
      && toset(flatten([
        for condition in aws_lb_listener_rule.synchronous[0].condition : [for method in condition.http_request_method : method.values]
      ])) == toset(["POST"])
    )
    error_message = "but for what the old clients post, which comes through"
  }
  assert {
    condition = (
      aws_lb_listener.https[0].ssl_policy == "ELBSecurityPolicy-TLS13-1-2-2021-06"
      && length(aws_route53_record.site) == 1
    )
    error_message = "TLS 1.2 and 1.3, at its name"
  }
  assert {
    condition     = output.environment.ALLOWED_HOSTS == "pictures.example.org,trial-web-1.eu-central-1.elb.amazonaws.com"
    error_message = "the site answers to both names"
  }
  assert {
    condition = [
      for statement in jsondecode(output.instance_policy).Statement : statement.Resource if statement.Sid == "ReadSecret"
      ] == [
      ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:trial/web"],
    ]
    error_message = "its instances read one secret"
  }
  assert {
    condition = (
      aws_autoscaling_group.this.min_size == 2
      && aws_autoscaling_group.this.max_size == 4
      && aws_autoscaling_group.this.health_check_type == "ELB"
    )
    error_message = "2 to 4 instances, which the load balancer finds healthy"
  }
  assert {
    condition = {
      for hook in aws_autoscaling_group.this.initial_lifecycle_hook : hook.name => hook.heartbeat_timeout
    } == { ready = 1800, drain = 600 }
    error_message = "an instance says when it is ready, and drains before it ends"
  }
}

run "https_alone" {
  command = plan
  module {
    source = "./modules/web"
  }
  variables {
    deletion_protection     = true
    domain_name             = "pictures.example.org"
    certificate_arn         = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
    zone_id                 = null
    open_synchronous_routes = false
    instance_type           = "t3.small"
    min_size                = 2
    max_size                = 4
  }

  assert {
    condition = (
      length(aws_lb_listener_rule.synchronous) == 0
      && length(aws_route53_record.site) == 0
      && output.environment.OPEN_SYNCHRONOUS_ROUTES == "0"
    )
    error_message = "nothing but a redirect on port 80"
  }
}

run "http_alone" {
  command = plan
  module {
    source = "./modules/web"
  }
  variables {
    deletion_protection     = false
    domain_name             = null
    certificate_arn         = null
    zone_id                 = null
    open_synchronous_routes = true
    instance_type           = "t3.small"
    min_size                = 1
    max_size                = 1
  }

  assert {
    condition = (
      aws_lb_listener.http.default_action[0].type == "forward" && length(aws_lb_listener.https) == 0
      && length(aws_lb_listener_rule.synchronous) == 0
    )
    error_message = "without a certificate port 80 is the site"
  }
  assert {
    condition = (
      output.environment.HTTPS == "0"
      && output.site_url == "http://trial-web-1.eu-central-1.elb.amazonaws.com"
      && output.environment.CSRF_TRUSTED_ORIGINS == output.site_url
    )
    error_message = "and the site knows it"
  }
}

run "flower" {
  command = plan
  module {
    source = "./modules/flower"
  }
  variables {
    subnet_ids        = ["subnet-3", "subnet-4"]
    security_group_id = "sg-3"
    instance_type     = "t3.micro"
  }

  assert {
    condition = (
      aws_autoscaling_group.this.min_size == 1
      && aws_autoscaling_group.this.max_size == 1
      && aws_autoscaling_group.this.name == "trial-flower"
    )
    error_message = "there is exactly one"
  }
  assert {
    condition     = output.environment.LAUNCH_HOOK == "" && output.environment.TERMINATION_HOOK == ""
    error_message = "it has no hooks"
  }
}
