"""What fails, what is caught, tried again, marked and cleaned up."""
