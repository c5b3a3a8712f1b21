"""Options, configuration, environment: what they are, what is in force, what they change."""
