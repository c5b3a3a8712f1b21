"""What runs side by side: threads, processes, tasks, queues, locks."""
