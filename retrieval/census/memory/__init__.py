"""What is in memory together, on which device, in which type, and what lets it go."""
