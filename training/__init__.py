"""Training the verifier: what it learns from, the loop, and how it becomes a model folder."""
