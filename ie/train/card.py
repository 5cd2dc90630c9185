"""What a finished run shows: the model card and the plot of its curves."""

from pathlib import Path
from typing import Any

from .config import TrainConfig
from .reading import config_to_yaml

CARD_FILE = "README.md"


def write_card(
    config: TrainConfig, manifest: dict[str, Any], figures: dict[str, Any], folder: Path
) -> None:
    """Write `README.md` beside the model: base, data with hashes, figures, configuration."""
    kind = "Model" if config.method == "full" else f"Adapter ({config.method})"
    lines = [
        "---",
        f"base_model: {config.model.base}",
        "language: zh",
        "tags: [information-extraction, chinchilla]",
        "---",
        "",
        f"# {kind} for information extraction, on {config.model.base}",
        "",
        "Made by `chinchilla train`; ask it through `chinchilla extract --model`.",
        "The licence of the base model and of the data below apply.",
        "",
        "## Data",
        "",
        "| file | SHA-256 |",
        "|---|---|",
    ]
    for part in ("train", "dev"):
        lines += [f"| {part}: {Path(n).name} | {h[:16]} |" for n, h in manifest[part].items()]
    lines += ["", *(f"- {name}: {value}" for name, value in manifest["counts"].items())]
    if manifest.get("sources"):
        lines.append(f"- sources: {', '.join(manifest['sources'])}")
    lines += ["", "## Figures", ""]
    lines += [f"- {name}: {_shown(value)}" for name, value in figures.items()]
    lines += ["", "## Configuration", "", "```yaml", config_to_yaml(config).rstrip(), "```", ""]
    (folder / CARD_FILE).write_text("\n".join(lines), encoding="utf-8")


def write_plot(metrics: list[dict[str, Any]], path: Path) -> bool:
    """Draw loss and F1 over the steps; return False where matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(7, 4), layout="constrained")
    left = figure.add_subplot()
    left.set_xlabel("step")
    left.set_ylabel("loss")
    for name, label in (("loss", "training loss"), ("eval_loss", "validation loss")):
        points = [(line["step"], line[name]) for line in metrics if name in line]
        if points:
            left.plot(*zip(*points, strict=True), label=label)
    points = [(line["step"], line["eval_f1"]) for line in metrics if "eval_f1" in line]
    if points:
        right = left.twinx()
        right.set_ylabel("F1")
        right.set_ylim(0, 1)
        right.plot(*zip(*points, strict=True), "o--", color="tab:green", label="validation F1")
    figure.legend(loc="outside upper center", ncols=3)
    figure.savefig(path, dpi=120)
    return True


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
