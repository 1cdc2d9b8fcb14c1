locals {
  buckets = {
    input  = { expiry_days = var.input_expiry_days, archive_after_days = var.archive_after_days }
    output = { expiry_days = var.output_expiry_days, archive_after_days = var.archive_after_days }
    logs   = { expiry_days = var.log_expiry_days, archive_after_days = null }
  }

  tls_only = {
    for key, bucket in aws_s3_bucket.this : key => {
      Sid       = "RefusePlainHttp"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [bucket.arn, "${bucket.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }

  load_balancer_logs = {
    Sid       = "LoadBalancersOfThisAccountWriteLogs"
    Effect    = "Allow"
    Principal = { Service = "logdelivery.elasticloadbalancing.amazonaws.com" }
    Action    = "s3:PutObject"
    Resource  = "${aws_s3_bucket.this["logs"].arn}/AWSLogs/${var.account.id}/*"
  }
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_144: Pictures expire after days and can be sent again: a replica in another region isn't worth its price.
  #checkov:skip=CKV_AWS_145: S3 encrypts with keys of its own; a KMS key would cost a request for each picture, and load balancers can't write logs with one.
  #checkov:skip=CKV_AWS_18: CloudTrail can record object access; the log bucket can't log to itself.
  #checkov:skip=CKV2_AWS_62: Nothing uses notifications; the system uses its own queues.
  #checkov:skip=CKV_AWS_21: All are versioned below; checkov doesn't follow for_each.
  #checkov:skip=CKV2_AWS_6: All are blocked below; as above.
  #checkov:skip=CKV2_AWS_61: All have a lifecycle below; as above.
  for_each = local.buckets

  bucket        = "${var.prefix}-${each.key}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.buckets

  # S3 refuses parallel changes of a bucket's settings.
  bucket = aws_s3_bucket_versioning.this[each.key].bucket

  rule {
    id     = "expire"
    status = "Enabled"
    filter {}

    dynamic "transition" {
      for_each = each.value.archive_after_days == null ? [] : [each.value.archive_after_days]
      content {
        days          = transition.value
        storage_class = "GLACIER_IR"
      }
    }

    expiration {
      days = each.value.expiry_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.tls_only[each.key]], each.key == "logs" ? [local.load_balancer_logs] : [])
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}
