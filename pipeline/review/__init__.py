"""The review desk, where quality staff will decide about tickets the model was unsure of: still empty."""
