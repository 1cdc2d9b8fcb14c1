output "input" {
  description = "Bucket that keeps the uploaded pictures."
  value       = { name = aws_s3_bucket.this["input"].bucket, arn = aws_s3_bucket.this["input"].arn }
}

output "output" {
  description = "Bucket that keeps the results."
  value       = { name = aws_s3_bucket.this["output"].bucket, arn = aws_s3_bucket.this["output"].arn }
}

output "logs_bucket" {
  description = "Name of the bucket into which a load balancer may write its access logs."
  value       = aws_s3_bucket.this["logs"].bucket
  depends_on  = [aws_s3_bucket_policy.this]
}
