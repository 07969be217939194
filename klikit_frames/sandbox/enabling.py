"""The three enable endpoints: one body, one meaning, three kinds of id."""

from __future__ import annotations

from dataclasses import dataclass

from . import flags, publishing
from .app_context import AppContext
from .calls import ApiError, Call, invalid, read_flag, read_ids, read_object, read_zone
from .demo_data import Catalogue
from .flags import Link, Store

_FIELDS = ("ids", "isEnabled", "zoneStores", "isCascadeToModifierGroups", "brandIDsToCascade")
_DATA: dict[str, object] = {"message": {"message": "status updated"}, "null": None, "object": {}, "list": []}


@dataclass(frozen=True)
class EnableRequest:
    """What one enable call asks for."""

    kind: str
    ids: list[int]
    is_enabled: bool
    stores: list[Store]
    is_cascading: bool
    cascade_brand_ids: list[int]


def enable(app: AppContext, call: Call, *, kind: str) -> object:
    """Carry out ``PATCH /menus/…/enable`` of sections, categories or items."""
    order = _read_request(app, call, kind=kind)
    unknown = _check_ids(app, order)
    known = [entity_id for entity_id in dict.fromkeys(order.ids) if entity_id not in unknown]
    _write(app, order, ids=known)
    app.history.note_write(
        kind,
        ids=known,
        stores=order.stores,
        is_enabled=order.is_enabled,
        time=app.clock.now(),
        by=call.partner_key,
        key=call.idempotency_key,
    )
    return _not_found(app, kind, ids=unknown) if unknown else _DATA[app.switches.enable_data]


def edit(app: AppContext, kind: str, *, ids: list[int], stores: list[Store], is_enabled: bool) -> None:
    """Write flags as klikit's own people do in their app: without a request."""
    unknown = sorted(set(ids).difference(app.catalogue.ids[kind]))
    strangers = sorted(set(stores).difference(app.catalogue.store_set))
    if unknown or strangers:
        raise LookupError(f"not of this business: {kind} ids {unknown}, stores {strangers}")
    order = EnableRequest(kind, ids, is_enabled, stores, is_cascading=False, cascade_brand_ids=[])
    with publishing.write_transaction(app):
        _write(app, order, ids=ids)
        app.history.note_write(
            kind, ids=ids, stores=stores, is_enabled=is_enabled, time=app.clock.now(), by="others"
        )


def _read_request(app: AppContext, call: Call, *, kind: str) -> EnableRequest:
    body = read_object(call, fields=_FIELDS)
    order = EnableRequest(
        kind,
        read_ids(body, "ids"),
        read_flag(body, "isEnabled"),
        read_zone(app, body),
        read_flag(body, "isCascadeToModifierGroups"),
        read_ids(body, "brandIDsToCascade"),
    )
    if not order.ids:
        raise invalid("ids must hold at least one id")
    return order


def _check_size(values: list[int] | list[Store], name: str, *, most: int | None) -> None:
    if most is not None and len(values) > most:
        raise invalid(f"{name} holds {len(values)} entries; at most {most} are allowed")


def _check_ids(app: AppContext, order: EnableRequest) -> set[int]:
    """Return the unknown ids if the known ones are written all the same; else refuse the call."""
    catalogue, switches = app.catalogue, app.switches
    _check_size(order.ids, "ids", most=switches.max_ids)
    _check_size(order.stores, "zoneStores", most=switches.max_stores)
    foreign = set(order.cascade_brand_ids).difference(catalogue.brands)
    if foreign:
        raise ApiError("resource_not_found", f"brand not found: {min(foreign)}")
    unknown = set(order.ids).difference(catalogue.ids[order.kind])
    if unknown and switches.unknown_id != "partial":
        raise _not_found(app, order.kind, ids=unknown)
    return unknown


def _not_found(app: AppContext, kind: str, *, ids: set[int]) -> ApiError:
    code = "not_found" if app.switches.unknown_id == "not_found" else "resource_not_found"
    return ApiError(code, f"{len(ids)} of the {kind} ids not found")


def _write(app: AppContext, order: EnableRequest, *, ids: list[int]) -> None:
    links = _links(app.catalogue, order.kind, ids=ids) if order.is_cascading else []
    if not order.stores:
        flags.write_business_flags(app.state, order.kind, ids=ids, is_enabled=order.is_enabled)
        brand_ids = order.cascade_brand_ids or list(app.catalogue.brands)
        flags.write_links(app.state, brand_ids=brand_ids, links=links, is_enabled=order.is_enabled)
        return
    flags.write_store_flags(app.state, order.kind, ids=ids, stores=order.stores, is_enabled=order.is_enabled)
    stores = [s for s in order.stores if not order.cascade_brand_ids or s[0] in order.cascade_brand_ids]
    flags.write_store_links(app.state, stores=stores, links=links, is_enabled=order.is_enabled)


def _links(catalogue: Catalogue, kind: str, *, ids: list[int]) -> list[Link]:
    """Return the links between groups and options that are attached to the targets."""
    items = (item for entity_id in ids for item in catalogue.items_under(kind, entity_id))
    groups = dict.fromkeys(group for item in items for group in catalogue.items[item].group_ids)
    return [(group, option) for group in groups for option in catalogue.groups[group].option_ids]
