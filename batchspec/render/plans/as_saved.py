"""A saved plan, looked at again: whether it still counts, where it comes from, and what it would do."""

from __future__ import annotations

from typing import Any

from batchspec.engine.saved_plan import SavedPlan
from batchspec.plan.identity import plan_digest, plan_id
from batchspec.render.plans.as_text import plan_text
from batchspec.render.show import page


def saved_text(saved: SavedPlan) -> str:
    """All of it, for people."""
    text = page([*_standing(saved), *_origin(saved), ""]) + plan_text(saved.plan, show_all=True)
    if saved.plan.has_changes:
        text += page([f"Plan id: {plan_id(plan_digest(saved.plan, saved.account))}"])
    return text


def saved_json(saved: SavedPlan) -> dict[str, Any]:
    """The document as it was saved, and whether it still counts."""
    return saved.document | {
        "applied": saved.applied,
        "stale": saved.is_stale,
        "madeBy": saved.made_by,
        "appliedBy": saved.applied_by,
    }


def _standing(saved: SavedPlan) -> list[str]:
    if saved.applied:
        return [f"APPLIED at {saved.applied}{_by(saved.applied_by)}: it will not be applied again", ""]
    if saved.is_stale:
        return [
            f"STALE: {saved.spec_file} has changed since; apply refuses this plan if a new one would differ",
            "",
        ]
    return []


def _origin(saved: SavedPlan) -> list[str]:
    return [
        f"made    {saved.made}{_by(saved.made_by)}",
        f"spec    {saved.spec_file}",
        f"target  {saved.account}",
    ]


def _by(author: str) -> str:
    return f" by {author}" if author else ""
