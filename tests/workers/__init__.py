"""What a worker is made of: these tests need PyTorch."""
