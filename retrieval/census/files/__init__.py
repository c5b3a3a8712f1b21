"""What touches the disk: paths, temporary files, caches, writes and reads."""
