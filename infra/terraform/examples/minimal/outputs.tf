output "recognition" {
  description = "All outputs of the stack."
  value       = module.recognition
}
