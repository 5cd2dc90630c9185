"""`chinchilla data schema`: a schema file made of gold documents."""

import click

from .outputs import force_option


@click.command(name="schema")
@click.argument("inputs", nargs=-1, required=True, metavar="DOCS.JSONL...")
@click.option("-o", "--output", default="-", show_default=True, help="YAML file to write.")
@click.option("--name", default="derived", show_default=True, help="Name of the schema.")
@force_option
def command(inputs: tuple[str, ...], output: str, name: str, force: bool) -> None:
    """Write a schema of the types, roles and slots that documents hold, to be completed by hand.

    Example: chinchilla data schema docs.jsonl -o my_schema.yaml
    """
    from itertools import chain

    import yaml

    from chinchilla.instructions.derive import derive_schema

    from ..files.jsonl import read_documents, write_bytes

    schema = derive_schema(chain.from_iterable(map(read_documents, inputs)), name)
    content = {key: value for key, value in schema.to_dict().items() if value}
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=100)
    with write_bytes(output, force=force) as file:
        file.write(text.encode())
