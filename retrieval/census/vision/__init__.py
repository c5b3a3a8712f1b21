"""Images and video: models, preparation, batches, embeddings."""
