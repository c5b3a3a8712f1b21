"""Several modalities: what carries which, where they meet and how."""
