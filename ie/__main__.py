"""`python -m chinchilla`, and `torchrun -m chinchilla train …` on several devices."""

from .cli import main

main()
