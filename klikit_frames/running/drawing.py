"""Keys and bytes: the requests of a plan as they will leave."""

from __future__ import annotations

import uuid
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from ..api.wire import encode_enable
from .records import Request, Target

if TYPE_CHECKING:
    from ..planning.plans import Plan


def draw(target: Target, *, path: tuple[int, ...]) -> Request:
    """Return a new request with a key of its own and the bytes that it will send."""
    body = encode_enable(
        target.ids,
        target.stores if target.scope == "store" else None,
        is_enabled=target.is_enabled,
        cascade_to_modifier_groups=target.cascade_to_modifier_groups,
        cascade_brand_ids=target.cascade_brand_ids,
    )
    return Request(path=path, target=target, key=str(uuid.uuid4()), body=body)


def draw_all(plan: Plan) -> list[Request]:
    """Return all requests of a plan, in sending order."""
    return [draw(_target(row), path=(int(row["request_no"]),)) for row in plan.requests.to_dict("records")]


def _target(row: dict[Hashable, Any]) -> Target:
    return Target(
        entity_type=row["entity_type"],
        scope=row["scope"],
        is_enabled=bool(row["is_enabled"]),
        ids=tuple(row["ids"]),
        stores=tuple(row["stores"]),
        cascade_to_modifier_groups=bool(row["cascade_to_modifier_groups"]),
        cascade_brand_ids=tuple(row["cascade_brand_ids"]),
    )
