"""What passes from step to step: structures, dictionaries, objects, messages, saved state."""
