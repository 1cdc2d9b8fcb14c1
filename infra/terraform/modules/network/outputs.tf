output "vpc_id" {
  description = "VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Public subnets."
  value       = [for subnet in aws_subnet.public : subnet.id]
  depends_on  = [aws_route.public, aws_route_table_association.public]
}

output "private_subnet_ids" {
  description = "Private subnets."
  value       = [for subnet in aws_subnet.private : subnet.id]

  # So that the resources in them have routes from creation to destruction.
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
  description = "Security groups by their purpose: load-balancer, web, worker, flower, database."
  value       = { for key, group in aws_security_group.this : key => group.id }
}
