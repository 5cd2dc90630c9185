"""`python -m chinchilla`, and `torchrun -m chinchilla train …` on several devices."""

from .cli.main import main

main()
