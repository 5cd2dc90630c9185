"""A service over HTTP, its page, and a session in the terminal."""
