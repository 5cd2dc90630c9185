"""Settings for all tests."""

import os

from hypothesis import settings

# Libraries read these when they are imported, and would try a hub for minutes.
for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
    os.environ[name] = "1"
os.environ["HF_UPDATE_DOWNLOAD_COUNTS"] = "0"

# Time limits on single examples fail on busy machines; CI repeats its examples exactly.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
