"""Fine-tuning of language models, whole or by adapters, and their export."""
