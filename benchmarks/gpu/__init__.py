"""What is measured where there is an NVIDIA GPU."""
