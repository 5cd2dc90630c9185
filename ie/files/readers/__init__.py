"""One module a format: each turns a source into documents, and tells what cannot be read."""
