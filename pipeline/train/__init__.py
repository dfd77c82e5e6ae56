"""Making a model from labelled narratives, and measuring it."""
