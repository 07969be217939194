"""The columns of every frame that crosses a room."""

from __future__ import annotations

ENTITY_TYPES = ("section", "category", "item")
SCOPES = ("business", "store")

TOGGLE_COLUMNS = (
    "entity_type",
    "entity_id",
    "scope",
    "brand_id",
    "branch_id",
    "is_enabled",
    "cascade_to_modifier_groups",
    "cascade_brand_ids",
)
PROBLEM_COLUMNS = ("row", "line", "column", "value", "code", "message", "hint", "severity")
RESULT_COLUMNS = (
    "outcome",
    "code",
    "http_status",
    "message",
    "request_id",
    "request_no",
    "idempotency_key",
    "attempts",
    "sent_at",
    "settled_at",
)
OUTCOMES = ("applied", "unchanged", "rejected", "failed", "unknown", "not_sent")
STATE_COLUMNS = ("entity_type", "entity_id", "scope", "brand_id", "branch_id", "is_enabled", "title")
