"""Settings for all tests."""

import os

from hypothesis import settings

# Time limits on single examples fail on busy machines; CI repeats its examples exactly.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
