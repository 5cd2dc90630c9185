"""Whatever the OpenAPI document allows, and what it does not, is answered without a failure."""

import pytest

pytest.importorskip("fastapi")
schemathesis = pytest.importorskip("schemathesis")
from hypothesis import HealthCheck, settings
from serving import NamesEngine

from chinchilla.serve.app import create_app
from chinchilla.serve.settings import Limits, Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    limits = Limits(body=100_000, characters=1_000, texts=20, seconds=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chinchilla.engines.open.open_engine", lambda *_, **__: NamesEngine())
        app = create_app(Settings(project=folder / "p", limits=limits, hosts=("testserver",)))
        yield schemathesis.openapi.from_asgi("/openapi.json", app)
        app.state.service.close()


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_no_request_makes_the_service_fail(case):
    answer = case.call()
    assert answer.status_code < 500 or answer.status_code in (503, 504), answer.text
    if answer.status_code >= 400:
        assert set(answer.json()["error"]) == {"code", "message"}
