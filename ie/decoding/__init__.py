"""The structured decoder: written forms, parsing, alignment to the text, scores."""
