output "host" {
  description = "Host name of the database."
  value       = aws_db_instance.this.address
}

output "database_name" {
  description = "Name of the database."
  value       = aws_db_instance.this.db_name
}

output "user" {
  description = "User of the database."
  value       = aws_db_instance.this.username
}

output "secret_arn" {
  description = "Secret with SECRET_KEY and DATABASE_PASSWORD."
  value       = aws_secretsmanager_secret.this.arn
  depends_on  = [aws_secretsmanager_secret_version.this]
}
