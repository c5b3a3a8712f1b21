"""What is logged, recorded, measured and told."""
