"""The licence that a dataset may carry, computed from its sources and the models that wrote text.

Sources come with a licence per row, models with the terms of their outputs. Permissive sources combine
under the most demanding of them; share-alike and non-commercial terms carry over to the whole; what
contradicts is refused with the reason. This is a conservative reading of the licences' plain terms, and not
legal advice.

    >>> combine({"mit": 40, "cc-by-sa-4.0": 2}).license
    'cc-by-sa-4.0'
    >>> combine({"cc-by-sa-4.0": 2, "cc-by-nc-4.0": 1}).clashes
    ('cc-by-sa-4.0 (2 rows) must stay share-alike, cc-by-nc-4.0 (1 rows) forbids commercial use: ...',)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lema_hub.artifacts.dataset import BuiltDataset
from lema_hub.artifacts.manifest import ModelUse

# Permissive licences in the order of what they ask: the last one present meets the others' conditions too.
_PERMISSIVE = (
    "cc0-1.0", "pddl", "unlicense", "wtfpl", "0bsd", "isc", "mit", "bsd", "bsd-2-clause", "bsd-3-clause",
    "bsd-3-clause-clear", "zlib", "bsl-1.0", "ncsa", "postgresql", "afl-3.0", "ecl-2.0", "ms-pl",
    "artistic-2.0", "apache-2.0", "odc-by", "cdla-permissive-1.0", "cdla-permissive-2.0", "cc-by-2.0",
    "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc",
)  # fmt: skip
_SHARE_ALIKE = (
    "cc-by-sa-3.0", "cc-by-sa-4.0", "odbl", "cdla-sharing-1.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "lgpl-lr",
    "mpl-2.0", "epl-1.0", "epl-2.0", "eupl-1.1", "eupl-1.2", "cecill-2.1", "osl-3.0", "ofl-1.1", "gfdl",
    "gpl", "gpl-2.0", "gpl-3.0", "agpl-3.0",
)  # fmt: skip
_NON_COMMERCIAL = (
    "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "c-uda", "fair-noncommercial-research-license",
)  # fmt: skip
_NON_COMMERCIAL_SHARE_ALIKE = ("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0")
_NO_DERIVATIVES = ("cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "intel-research")
_MODEL_ONLY = (
    "openrail", "creativeml-openrail-m", "openrail++", "bigscience-openrail-m", "bigcode-openrail-m",
    "bigscience-bloom-rail-1.0", "deepfloyd-if-license", "apple-ascl", "apple-amlr", "h-research",
    "grok2-community", "gemma", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4", "open-mdw",
    "lppl-1.3c", "etalab-2.0",
)  # fmt: skip

HUB_LICENSES = frozenset(
    (
        *_PERMISSIVE,
        *_SHARE_ALIKE,
        *_NON_COMMERCIAL,
        *_NON_COMMERCIAL_SHARE_ALIKE,
        *_NO_DERIVATIVES,
        *_MODEL_ONLY,
    )
) | {"unknown", "other"}
"""The identifiers that the Hub's `license:` field takes
(https://huggingface.co/docs/hub/repositories-licenses).
"""

# Terms of outputs. A licence with a reason here forbids what these datasets are for: training other models.
_OUTPUT_CLASHES = {
    "llama2": "Llama 2's licence forbids training models other than Llama on its outputs",
    "llama3": "Llama 3's licence forbids training models other than Llama on its outputs",
    "proprietary": "its terms forbid training competing models on its outputs",
}
_OUTPUT_DUTIES = {
    "llama3.1": "models trained on these rows must be named Llama... and say 'Built with Llama'",
    "llama3.2": "models trained on these rows must be named Llama... and say 'Built with Llama'",
    "llama3.3": "models trained on these rows must be named Llama... and say 'Built with Llama'",
    "llama4": "models trained on these rows must be named Llama... and say 'Built with Llama'",
    "gemma": "models trained on these rows fall under Gemma's use restrictions",
}
# Models behind paid endpoints whose terms are not open, by the start of their names.
_PROPRIETARY = re.compile(
    r"(?:.*/)?(?:gpt-(?!oss|neo|j\b|2\b)|chatgpt|(?:text-|code-)davinci|o[1345]\b|claude|gemini|grok-)",
    re.IGNORECASE,
)
# Open weights whose licence speaks of outputs, by the start of their names; a licence in the manifest goes first.
_LLAMA = re.compile(r"(?:.*/)?(?:meta-)?llama-?([234](?:\.[123])?)(?![\d.])", re.IGNORECASE)
_CODE_LLAMA = re.compile(r"(?:.*/)?codellama", re.IGNORECASE)
_GEMMA = re.compile(r"(?:.*/)?gemma-(?:[23]n?-|1\.1-|[27]b)", re.IGNORECASE)
# Engines behind which there may be any model; the nano world's own are ours.
_ANY_MODEL = ("openai", "openai-completions", "vllm", "transformers")
_OURS = re.compile(r"lema/nano-", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class License:
    """A computed licence: None where `clashes` leave none; `duties` are what it asks of users."""

    license: str | None
    clashes: tuple[str, ...]
    duties: tuple[str, ...]

    def overruled(self, declared: str) -> License:
        """The terms that the publisher declares in spite of the clashes."""
        return License(declared, (), self.duties or ("see the sources",))


def combine(rows: Mapping[str, int], models: Iterable[ModelUse] = ()) -> License:
    """The licence of a dataset.

    Args:
        rows: How many rows have which licence.
        models: The models that wrote text of the rows.
    """
    clashes, duties = _terms(models)
    present = {name: count for name, count in rows.items() if count}

    def shown(*groups: tuple[str, ...]) -> str:
        return ", ".join(
            f"{name} ({present[name]} rows)" for group in groups for name in group if name in present
        )

    unknown = [name for name in present if name not in HUB_LICENSES]
    if unknown:
        clashes.append(
            f"{unknown[0]!r} ({present[unknown[0]]} rows) is not a licence identifier of the Hub, such as mit"
        )
    for vague in ("unknown", "other"):
        if vague in present:
            clashes.append(
                f"{present[vague]} rows have the licence {vague!r}: nobody can tell what it allows"
            )
    if no_derivatives := shown(_NO_DERIVATIVES):
        clashes.append(
            f"{no_derivatives} forbids derived works, and corrections are derived from their problems"
        )
    if model_only := shown(_MODEL_ONLY):
        clashes.append(f"{model_only} is a licence of models, not of problems")
    strict, free = shown(_SHARE_ALIKE), shown(_NON_COMMERCIAL, _NON_COMMERCIAL_SHARE_ALIKE)
    if strict and free:
        clashes.append(
            f"{strict} must stay share-alike, {free} forbids commercial use: no one licence meets both"
        )
    copyleft = [name for name in _SHARE_ALIKE if name in present]
    if len({name.rsplit("-", 1)[0] for name in copyleft}) > 1:
        clashes.append(f"{strict} are share-alike licences that each want the whole for themselves")
    if clashes:
        return License(None, tuple(clashes), tuple(duties))
    order = (*_PERMISSIVE, *_NON_COMMERCIAL, *_NON_COMMERCIAL_SHARE_ALIKE, *_SHARE_ALIKE)
    chosen = max(present, key=order.index, default=None)
    if chosen is None:
        return License(None, ("there are no rows, so there is no licence",), tuple(duties))
    return License(chosen, (), (*_duties(chosen), *duties))


def terms_of(built: BuiltDataset) -> License:
    """The licence of a dataset; of an id-only release that of the annotations, which are all that it holds."""
    if built.manifest.withheld is None:
        return combine(counted(built), built.manifest.models)
    ours = combine({built.manifest.license: built.manifest.rows}, built.manifest.models)
    rebuilt = "the sources' own terms hold for the rows that you rebuild"
    return License(ours.license, ours.clashes, (*ours.duties, rebuilt))


def counted(built: BuiltDataset) -> Counter[str]:
    """How many rows of a dataset have which licence, its sources included."""
    counts = built.count("license")
    for source in built.manifest.inputs:
        counts.setdefault(source.license, source.rows)
    return counts


def _terms(models: Iterable[ModelUse]) -> tuple[list[str], list[str]]:
    clashes: list[str] = []
    duties: list[str] = []
    for model in models:
        terms = model.license or _terms_by_name(model.name)
        if terms in _OUTPUT_CLASHES:
            clashes.append(f"{model.role} {model.name}: {_OUTPUT_CLASHES[terms]}")
        elif terms in _OUTPUT_DUTIES:
            duties.append(f"{model.role} {model.name} ({terms}): {_OUTPUT_DUTIES[terms]}")
        elif terms is None and model.engine in _ANY_MODEL and not _OURS.match(model.name):
            duties.append(
                f"{model.role} {model.name}: look up what its terms say of its outputs, nobody has stated it"
            )
    return clashes, duties


def _terms_by_name(name: str) -> str | None:
    if _PROPRIETARY.match(name):
        return "proprietary"
    if llama := _LLAMA.match(name):
        return f"llama{llama[1]}"
    if _CODE_LLAMA.match(name):
        return "llama2"
    return "gemma" if _GEMMA.match(name) else None


def _duties(license_id: str) -> tuple[str, ...]:
    if license_id in _SHARE_ALIKE:
        return ("name the sources, and share what you make of it under the same licence",)
    if license_id in _NON_COMMERCIAL:
        return ("name the sources; no commercial use",)
    if license_id in _NON_COMMERCIAL_SHARE_ALIKE:
        return ("name the sources; no commercial use; share what you make of it under the same licence",)
    if license_id in ("cc0-1.0", "pddl", "unlicense", "wtfpl", "0bsd"):
        return ("none",)
    return ("keep the notice of the licence and name the sources",)
