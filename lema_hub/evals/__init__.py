"""Scoring with LightEval and honest comparison: `evaluate`, `compare`, `report`, and how well mistakes are located."""
