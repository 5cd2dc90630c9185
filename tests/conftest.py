"""Settings for all tests."""

import os
import socket
from typing import Any

import pytest
from hypothesis import settings

# Libraries read these when they are imported, and would try a hub for minutes.
for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
    os.environ[name] = "1"
os.environ["HF_UPDATE_DOWNLOAD_COUNTS"] = "0"
if "PYTEST_XDIST_WORKER" in os.environ:
    # Each process has a core; more threads would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Time limits on single examples fail on busy machines; CI repeats its examples exactly.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to leave this machine: a test that needs the network fails where there is one too."""

    def guarded(real: Any) -> Any:
        def call(self: socket.socket, address: Any) -> Any:
            is_near = self.family not in (socket.AF_INET, socket.AF_INET6)
            if not is_near and not str(address[0]).startswith(("127.", "::1", "localhost")):
                raise OSError(f"a test may not connect to {address[0]}")
            return real(self, address)

        return call

    real_lookup = socket.getaddrinfo

    def lookup(host: Any, *rest: Any, **named: Any) -> Any:
        if host and not str(host).startswith(("127.", "::1", "localhost")):
            raise socket.gaierror(f"a test may not look for {host}")
        return real_lookup(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium for the tests of pages."""
    from browsing import find_browser

    playwright = pytest.importorskip("playwright.sync_api")
    path = find_browser()
    if path is None:
        pytest.skip("no chromium or chrome on this machine")
    with playwright.sync_playwright() as made:
        arguments = ["--no-sandbox", "--enable-unsafe-swiftshader"]
        browser = made.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()
