"""What the project is: purpose, README, folders, parts."""
