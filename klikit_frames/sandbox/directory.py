"""The reads that name things: brands, branches and providers."""

from __future__ import annotations

from .app_context import AppContext
from .calls import Call, page_of
from .demo_data import BUSINESS_ID, BUSINESS_TITLE
from .demo_names import Branch

PROVIDERS = {1: "klikit", 6: "grabfood", 9: "gofood", 11: "shopeefood", 16: "foodpanda", 17: "airasia_food"}
WHOLE_DAY = {
    str(day): {"disabled": False, "slots": [{"start_time": 0, "end_time": 2359}]} for day in range(7)
}


def list_brands(app: AppContext, call: Call) -> object:
    """Return the brands in their old shape: an array of one object, with the business beside them."""
    brands = [
        {
            "id": brand.id,
            "business_id": BUSINESS_ID,
            "title": brand.title,
            "logo": f"/images/brands/{brand.id}/logo.png",
            "banner": f"/images/brands/{brand.id}/banner.png",
        }
        for brand in app.catalogue.brands.values()
    ]
    business = {
        "id": BUSINESS_ID,
        "title": BUSINESS_TITLE,
        "address": "Menara Klikit, Jl. Jend. Sudirman, Jakarta",
    }
    return [{"brands": brands, "business": business}]


def list_branches(app: AppContext, call: Call) -> object:
    """Return one page of the branches; pages start at 1 and hold 1000 if nothing else is asked."""
    page = page_of(list(app.catalogue.branches.values()), call)
    return page.numbers | {"results": [_branch(app, branch) for branch in page.entries]}


def list_providers(app: AppContext, call: Call) -> object:
    """Return the marketplaces that a menu can be shipped to."""
    return [{"id": id_, "title": title} for id_, title in PROVIDERS.items()]


def _branch(app: AppContext, branch: Branch) -> dict[str, object]:
    # Sorted by title, so it does not go by the order of brand_ids; the real API does the same.
    titles = sorted(app.catalogue.brands[brand_id].title for brand_id in branch.brand_ids)
    return {
        "id": branch.id,
        "title": branch.title,
        "address": branch.address,
        "phone": f"+62812{branch.id:07d}",
        "secondary_phone": "",
        "lat": branch.lat,
        "lon": branch.lon,
        "business_id": BUSINESS_ID,
        "business_title": BUSINESS_TITLE,
        "business_vat_label": "PPN",
        "business_vat_percentage": 11,
        "brand_ids": list(branch.brand_ids),
        "brand_titles": titles,
        "city_id": branch.city_id,
    } | _COUNTRY


_COUNTRY: dict[str, object] = {
    "country_id": 4,
    "country_code": "ID",
    "currency_id": 4,
    "currency_code": "IDR",
    "currency_symbol": "Rp",
    "language_id": "3",
    "language_code": "id",
    "language_title": "Indonesian",
    "availability_mask": 127,
    "day_availability": [0, 1, 2, 3, 4, 5, 6],
    "available_times": WHOLE_DAY,
}
