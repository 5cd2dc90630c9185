"""Whatever the OpenAPI document allows, and what it does not, is answered without a failure."""

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("schemathesis")
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode
from serving import NamesEngine

from chinchilla.serve.app import create_app
from chinchilla.serve.settings import ServiceLimits, Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def operations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    limits = ServiceLimits(body=100_000, characters=1_000, texts=20, seconds=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chinchilla.engines.open.open_engine", lambda *_, **__: NamesEngine())
        app = create_app(Settings(project=folder / "p", limits=limits, hosts=("testserver",)))
        schema = schemathesis.openapi.from_asgi("/openapi.json", app)
        yield [found.ok() for found in schema.get_all_operations()]
        app.state.service.close()


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_makes_the_service_fail(operations, mode):
    assert len(operations) > 14
    for operation in operations:
        try:
            cases = operation.as_strategy(generation_mode=mode)
            _call(cases)
        except schemathesis.errors.InvalidSchema:
            raise
        except Exception as error:
            # Where nothing may be wrong, as with a path without parameters.
            if "negative" not in str(error).lower() and "Unsatisfiable" not in type(error).__name__:
                raise


def _call(cases):
    @given(cases)
    @settings(
        max_examples=25,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    def call(case):
        answer = case.call()
        said = f"{case.method} {case.path}: {answer.status_code} {answer.content[:300]!r}"
        assert answer.status_code < 500 or answer.status_code in (503, 504), said
        if answer.status_code >= 400:
            assert set(answer.json()["error"]) == {"code", "message"}, said

    call()
