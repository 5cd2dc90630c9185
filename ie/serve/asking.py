"""What a request may hold, as the OpenAPI document tells it, and what is made of it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..data.documents import Document
from ..data.schema import Schema, builtin_schemas, chosen_tasks, read_schema
from ..errors import near_miss
from ..options import ExtractOptions
from .errors import RequestError, bad_request
from .settings import Settings
from .worker import Asking


class TextRequest(BaseModel):
    """A text with an id of the caller's."""

    model_config = ConfigDict(extra="forbid")

    id: str
    text: str


class ExtractRequest(BaseModel):
    """One text or several, and what is asked of them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"text": "昨日，星河科技在北京宣布裁员300人。", "schema": "news"}]
        },
    )

    text: str | None = Field(None, description="One text; the answer is a document.")
    texts: list[str | TextRequest] | None = Field(
        None, description="Several texts; the answer holds a list of documents."
    )
    schema_: str | dict[str, Any] | None = Field(
        None, alias="schema", description="A built-in schema's name, or a schema."
    )
    tasks: list[Literal["ner", "re", "ee"]] | None = Field(
        None, min_length=1, description="Left out: all that the schema declares."
    )
    model: str | None = Field(None, description="A name that /about lists.")
    scores: bool = Field(False, description="Score every mention and fact from 0 to 1.")
    min_score: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="Drop what scores less."
    )
    near_miss: bool = Field(False, description="Read a mistyped type as the one it resembles.")
    constrain: bool = Field(False, description="Let a language model write valid answers only.")
    stream: bool = Field(
        False, description="Answer several texts as JSON Lines, each document when it is read."
    )


class ExportRequest(BaseModel):
    """Documents to be written as a table."""

    model_config = ConfigDict(extra="forbid")

    form: Literal["csv", "xlsx", "html"]
    documents: list[dict[str, Any]]


class GoldRequest(BaseModel):
    """A corrected document, and the schema by which it was corrected."""

    model_config = ConfigDict(extra="forbid")

    document: dict[str, Any]
    schema_: str | dict[str, Any] = Field(alias="schema")


def read_asking(request: ExtractRequest, settings: Settings, models: Any) -> Asking:
    """Return what a request asks.

    Raises:
        RequestError: no such model.
        ChinchillaError: the schema or an option is wrong.
    """
    model = request.model if request.model is not None else next(iter(models))
    if model not in models:
        raise bad_request(f"no model {model!r} here{near_miss(model, models)}; see /about")
    # The service's own schema may be a file; a request's may not.
    own = read_schema(settings.schema)
    schema = own if request.schema_ is None else named_schema(request.schema_)
    options = ExtractOptions(
        scores=request.scores,
        min_score=request.min_score,
        near_miss=request.near_miss,
        constrain=request.constrain,
        max_tokens=settings.max_tokens,
    )
    return Asking(model, schema, chosen_tasks(schema, request.tasks), options)


def named_schema(source: str | dict[str, Any]) -> Schema:
    """Return a schema given as a mapping or by a built-in name; a path is no name.

    Raises:
        RequestError: no such schema is built in.
        SchemaError: the mapping is no schema.
    """
    if isinstance(source, dict):
        return Schema.from_dict(source)
    if source not in builtin_schemas():
        raise bad_request(
            f"no schema {source!r} is built in{near_miss(source, builtin_schemas())}; see /schemas"
        )
    return read_schema(source)


def read_documents(request: ExtractRequest, settings: Settings) -> list[Document]:
    """Return the texts of a request as documents.

    Raises:
        RequestError: there is none, both forms are given, or there is too much.
    """
    limits = settings.limits
    if (request.text is None) == (request.texts is None):
        raise bad_request("expected either text or texts")
    if request.text is not None:
        documents = [Document("text", request.text)]
    else:
        documents = [
            Document(str(number), one) if isinstance(one, str) else Document(one.id, one.text)
            for number, one in enumerate(request.texts or ())
        ]
    if len(documents) > limits.texts:
        raise RequestError(
            413, "too-many", f"{len(documents):,} texts; at most {limits.texts:,} in a request"
        )
    for document in documents:
        if len(document.text) > limits.characters:
            found = f"{len(document.text):,} characters in text {document.id[:40]!r}"
            raise RequestError(
                413, "too-long", f"{found}; at most {limits.characters:,}: cut it, or use extract"
            )
    return documents
