"""What is declared and imported, which versions, and why they matter."""
