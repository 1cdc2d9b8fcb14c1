output "recognition" {
  description = "All that the stack says of itself."
  value       = module.recognition
}
