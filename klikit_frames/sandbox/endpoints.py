"""Which endpoint answers which method and path, and the scope that it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from starlette.routing import compile_path

from . import directory, enabling, menus, orders, publishing
from .app_context import AppContext
from .calls import Call
from .directory import show

Handler = Callable[[AppContext, Call], object]
# Stands for the scope of menu writes, which the documentation does not name and a switch does.
WRITE = "<write>"
PAGE = ("page", "size")


@dataclass(frozen=True)
class Endpoint:
    """One operation of the API."""

    method: str
    path: str
    handler: Handler
    scope: str
    query: tuple[str, ...] = ()

    @property
    def is_write(self) -> bool:
        """Whether it changes anything."""
        return self.method != "GET"


ENDPOINTS = (
    Endpoint("GET", "/brands", directory.list_brands, "brands:read"),
    Endpoint("GET", "/branches", directory.list_branches, "brands:read", PAGE),
    Endpoint("GET", "/providers", directory.list_providers, "menus:read"),
    Endpoint("GET", "/menus", menus.read_menu, "menus:read", ("brand_id", "branch_id")),
    Endpoint("GET", "/menus/sections", menus.list_sections, "menus:read", PAGE),
    Endpoint("GET", "/menus/categories", menus.list_categories, "menus:read", PAGE),
    Endpoint("GET", "/menus/items", menus.list_items, "menus:read", PAGE),
    Endpoint("GET", "/menus/modifier-groups", menus.list_groups, "menus:read", PAGE),
    Endpoint("PATCH", "/menus/sections/enable", partial(enabling.enable, kind="section"), WRITE),
    Endpoint("PATCH", "/menus/categories/enable", partial(enabling.enable, kind="category"), WRITE),
    Endpoint("PATCH", "/menus/items/enable", partial(enabling.enable, kind="item"), WRITE),
    Endpoint("PATCH", "/menus/sections/{entity_id}/visibilities", partial(show, kind="section"), WRITE),
    Endpoint("PATCH", "/menus/categories/{entity_id}/visibilities", partial(show, kind="category"), WRITE),
    Endpoint("PATCH", "/menus/items/{entity_id}/visibilities", partial(show, kind="item"), WRITE),
    Endpoint("POST", "/menus/publish", publishing.publish, WRITE),
    Endpoint("POST", "/menus/sync", publishing.sync, WRITE),
    Endpoint("PATCH", "/items/{partner_item_id}/availability", directory.set_availability, "menus:oos"),
    Endpoint("GET", "/orders", orders.list_orders, "orders:read", ("start_date", "end_date", *PAGE)),
    Endpoint("GET", "/orders/{order_id}", orders.read_order, "orders:read"),
    Endpoint("PATCH", "/orders/{order_id}/status", orders.change_status, "orders:write"),
)


class Routes:
    """The endpoints by path, and of each path by method."""

    def __init__(self, endpoints: tuple[Endpoint, ...] = ENDPOINTS) -> None:
        self._fixed: dict[str, dict[str, Endpoint]] = {}
        for endpoint in endpoints:
            self._fixed.setdefault(endpoint.path, {})[endpoint.method] = endpoint
        variable = [path for path in self._fixed if "{" in path]
        self._compiled = [(compile_path(path)[0], self._fixed.pop(path)) for path in variable]

    def match(self, path: str) -> tuple[Mapping[str, Endpoint], dict[str, str]]:
        """Return the endpoints of a path by method, and what its variable parts say."""
        if path in self._fixed:
            return self._fixed[path], {}
        for regex, methods in self._compiled:
            if found := regex.match(path):
                return methods, found.groupdict()
        return {}, {}
