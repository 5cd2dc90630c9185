"""`python -m chinchilla`, and `torchrun -m chinchilla train …` on several devices."""

from .cli.main import main

# Processes that hold a model import this module too.
if __name__ == "__main__":
    main()
