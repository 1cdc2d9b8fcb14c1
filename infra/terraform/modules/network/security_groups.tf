locals {
  security_groups = {
    load-balancer = "Entry of the site"
    web           = "Web tier: from the load balancer alone"
    worker        = "Workers: nothing comes in"
    flower        = "Flower: nothing comes in, Session Manager forwards its port"
    database      = "Database: from the web tier alone"
    endpoints     = "Interface endpoints: from inside the VPC"
  }

  # Allowed connections inside the VPC.
  inside = {
    requests = { from = "load-balancer", to = "web", port = 8000 }
    database = { from = "web", to = "database", port = 5432 }
  }

  entries = {
    for pair in setproduct(var.https ? [80, 443] : [80], var.allowed_cidrs) :
    "${pair[0]} from ${pair[1]}" => { port = pair[0], cidr = pair[1] }
  }
}

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5: All are attached in other modules, which checkov doesn't follow.
  for_each = local.security_groups

  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "entry" {
  #checkov:skip=CKV_AWS_260: Port 80 redirects to HTTPS, or serves the site without a certificate; allowed_cidrs restricts it.
  for_each = local.entries

  security_group_id = aws_security_group.this["load-balancer"].id
  description       = "Port ${each.key}"
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  cidr_ipv4         = each.value.cidr
}

resource "aws_vpc_security_group_ingress_rule" "inside" {
  for_each = local.inside

  security_group_id            = aws_security_group.this[each.value.to].id
  description                  = "From ${each.value.from}"
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  referenced_security_group_id = aws_security_group.this[each.value.from].id
}

resource "aws_vpc_security_group_egress_rule" "inside" {
  for_each = local.inside

  security_group_id            = aws_security_group.this[each.value.from].id
  description                  = "To ${each.value.to}"
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  referenced_security_group_id = aws_security_group.this[each.value.to].id
}

resource "aws_vpc_security_group_egress_rule" "aws" {
  for_each = toset(["web", "worker", "flower"])

  security_group_id = aws_security_group.this[each.key].id
  description       = "AWS, and weights that are downloaded"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  security_group_id = aws_security_group.this["endpoints"].id
  description       = "From the VPC"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = var.vpc_cidr
}
