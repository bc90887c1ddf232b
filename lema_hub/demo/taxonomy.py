"""LEMMA's error types in plain words, for people who look at a page (arXiv 2503.17439, Table 1)."""

from __future__ import annotations

from lema_hub.records import ErrorType

NAMES: dict[ErrorType, str] = {
    "CA": "Calculation error",
    "CO": "Counting error",
    "CV": "Wrong number from the question",
    "PV": "Wrong number from an earlier step",
    "HA": "Invented number or fact",
    "UC": "Unit conversion error",
    "OP": "Wrong operation",
    "FC": "Wrong formula",
    "MS": "Missing step",
    "CS": "Contradiction",
    "QM": "Misread question",
    "CC": "Mixed-up concepts",
    "NO": "Nonsense",
}

MEANINGS: dict[ErrorType, str] = {
    "CA": "The right numbers and operation, but a wrong result.",
    "CO": "Things were counted wrongly.",
    "CV": "A number of the question was taken wrongly.",
    "PV": "A result of an earlier step was taken wrongly.",
    "HA": "Something that the question does not support was added.",
    "UC": "A unit was converted wrongly.",
    "OP": "One operation is the wrong one.",
    "FC": "A formula was applied where it does not belong.",
    "MS": "A step that is needed was left out.",
    "CS": "The step contradicts an earlier one.",
    "QM": "The step rests on a misreading of the question.",
    "CC": "Two similar things were mixed up, such as revenue and profit.",
    "NO": "The step makes no sense here.",
}
