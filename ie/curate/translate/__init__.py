"""English corpora in Chinese: translators, and methods by which annotations survive."""
