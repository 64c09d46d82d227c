"""Answers from MongoDB: aggregation pipelines that run inside it, one file each, and the collections they write."""

from __future__ import annotations

from retail_pipeline.analytics.runner import COLLECTIONS, run, run_all, summary, unfounded

__all__ = ["COLLECTIONS", "run", "run_all", "summary", "unfounded"]
