"""What the answers of a model took, in tokens and money, as a line for stderr."""

from typing import Any

import click

_MILLION = 1_000_000


def read_price(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    """Return the two prices that `--price` gives, for a million tokens read and written."""
    if value is None:
        return None
    try:
        read, written = (float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no IN,OUT; write it as 0.5,2") from None
    if read < 0 or written < 0:
        raise click.BadParameter("prices are 0 or more")
    return read, written


def usage_line(usage: Any, price: tuple[float, float] | None) -> str:
    """Return what a run took; empty if nothing was counted.

    Args:
        usage: an `engines.protocol.Usage`, or None.
        price: of a million tokens read and of a million written.
    """
    if usage is None or not usage.requests:
        return ""
    cached = f" ({usage.cached:,} of them cached)" if usage.cached else ""
    thought = f" ({usage.reasoning:,} of them thoughts)" if usage.reasoning else ""
    line = (
        f"tokens: {usage.prompt:,} read{cached}, {usage.completion:,} written{thought}, "
        f"in {usage.requests:,} requests"
    )
    if price is not None:
        cost = (usage.prompt * price[0] + usage.completion * price[1]) / _MILLION
        line += f"; cost {cost:.4f}"
    return line
