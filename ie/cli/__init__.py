"""The sub-commands of `chinchilla`, one module each, imported only when called."""
