"""Training: adapters on general models, and small models from scratch."""
