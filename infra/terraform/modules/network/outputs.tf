output "vpc_id" {
  description = "VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Subnets that the internet reaches."
  value       = [for subnet in aws_subnet.public : subnet.id]
  depends_on  = [aws_route.public, aws_route_table_association.public]
}

output "private_subnet_ids" {
  description = "Subnets without public addresses."
  value       = [for subnet in aws_subnet.private : subnet.id]

  # What lives in them finds its ways from the first second to the last.
  depends_on = [
    aws_route.private,
    aws_route_table_association.private,
    aws_vpc_endpoint.s3,
    aws_vpc_endpoint.interface,
    aws_vpc_security_group_egress_rule.aws,
    aws_vpc_security_group_egress_rule.inside,
    aws_vpc_security_group_ingress_rule.inside,
    aws_vpc_security_group_ingress_rule.endpoints,
  ]
}

output "security_group_ids" {
  description = "Security groups by what they are for: load-balancer, web, worker, flower, database."
  value       = { for key, group in aws_security_group.this : key => group.id }
}
