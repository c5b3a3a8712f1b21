"""What runs in which order: entry points, programs, walks, stages, branches, loops."""
