"""The cards of adapters and backbones: training, scores, and a snippet that runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lema_hub import prompts
from lema_hub.artifacts.history import Release
from lema_hub.artifacts.model import CURVE, TrainedModel
from lema_hub.artifacts.training import Result
from lema_hub.cards import metadata, model_terms, templates
from lema_hub.stats import LEVEL

_QUESTION = "Tom has 5 pens. He buys 3 more pens and gives 2 pens to Mia. How many pens does Tom have now?"
_METHODS = {
    "qlora": "QLoRA (the base in 4-bit NF4 with double quantisation, the adapter in full precision)",
    "lora": "LoRA (the base in its own precision, frozen)",
    "full": "full fine-tuning (every weight of the base)",
    "scratch": "training from scratch",
}


def model_card(
    model: TrainedModel, *, repo_id: str, version: str, files: Sequence[str], history: Sequence[Release]
) -> str:
    """The card of an adapter or a whole model, checked by the Hub's rules.

    Args:
        model: The checked folder.
        repo_id: Where it is published.
        version: The version, without `v`.
        files: The published files but the card.
        history: All versions up to this one, newest first.

    Raises:
        InputError: A number is missing, or the card breaks a rule of the Hub.
    """
    record = model.training
    published = sorted({source.repo for source in record.data if "/" in source.repo})
    front = _front(record.license, "reasoning", "math")
    if published:
        front["datasets"] = published
    if record.results:
        front["metrics"] = sorted({result.metric for result in record.results})
        front["model-index"] = model_index(repo_id.rsplit("/", 1)[-1], record.results)
    front["library_name"] = "peft" if model.is_adapter else "transformers"
    if model.is_adapter:
        template, relation = "adapter", "adapter"
    else:
        # `merge` is the Hub's word for several models in one; base + adapter is one model, fine-tuned.
        template, relation = "backbone" if record.merged is None else "merged", "finetune"
    if record.base_model is not None:
        front |= {"base_model": record.base_model, "base_model_relation": relation}
    context = {
        "front_matter": metadata.to_yaml(front),
        "title": repo_id.rsplit("/", 1)[-1],
        "repo_id": repo_id,
        "version": version,
        "model": model,
        "training": record,
        "method": _METHODS[record.method],
        "prompt": prompts.load(record.prompt).render(question=_QUESTION),
        "history": history,
        "confidence": templates.percent(LEVEL, 0),
        "terms": model_terms.terms_of(record.license),
        "curve": CURVE if CURVE in model.files else "",
    }
    return metadata.checked(templates.render(f"model_cards/{template}.md.jinja", context), files)


def checkpoint_card(
    repo_id: str,
    *,
    step: int,
    steps: int,
    base_model: str,
    base_revision: str | None,
    license_: str,
    loss: float | None,
    files: Sequence[str],
) -> str:
    """The card of a checkpoint that is pushed during its run, checked by the Hub's rules.

    Raises:
        InputError: The card breaks a rule of the Hub.
    """
    front = _front(license_, "checkpoint") | {
        "library_name": "peft",
        "base_model": base_model,
        "base_model_relation": "adapter",
    }
    context = {
        "front_matter": metadata.to_yaml(front),
        "repo_id": repo_id,
        "step": step,
        "steps": steps,
        "base_model": base_model,
        "base_revision": base_revision,
        "loss": loss,
        "terms": model_terms.terms_of(license_),
    }
    return metadata.checked(templates.render("model_cards/checkpoint.md.jinja", context), files)


def model_index(name: str, results: Sequence[Result]) -> list[dict[str, Any]]:
    """The `model-index` of a card's front matter (the older form of `.eval_results`)."""
    entries = [
        {
            "task": {"type": "text-generation"},
            "dataset": {
                "type": result.repo,
                "name": result.task,
                "config": result.config,
                "split": result.split,
                **({"revision": result.revision} if result.revision else {}),
            },
            "metrics": [
                {"type": result.metric, "name": f"{result.metric} (n={result.n})", "value": result.value}
            ],
        }
        for result in results
    ]
    return [{"name": name, "results": entries}] if entries else []


def _front(license_id: str, *tags: str) -> dict[str, Any]:
    return {
        "language": ["en"],
        **model_terms.front_of(license_id),
        "pipeline_tag": "text-generation",
        "tags": ["learning-from-mistakes", "lema", *tags],
    }
