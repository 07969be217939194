"""The demo business on the map: its brands and branches."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Brand:
    """One brand of the business."""

    id: int
    title: str


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch: a kitchen in a city, cooking for several brands."""

    id: int
    title: str
    address: str
    city_id: int
    lat: float
    lon: float
    brand_ids: tuple[int, ...]


DEMO_BRANDS = (
    Brand(663, "(DEMO) Ayam Geprek Nusantara"),
    Brand(664, "(DEMO) Kopi Senja"),
    Brand(1100, "TEST - Klikit Healthy Kitchen"),
    Brand(1615, "(DEMO) Klikit Dimsum"),
    Brand(1616, "(DEMO) Klikit Noodle"),
    Brand(4111, "(DEMO) Wine Boba"),
    Brand(5297, "(DEMO) Cimol Bojot AA"),
    Brand(6120, "(DEMO) Martabak Bang Joni"),
)

CITY_IDS = {
    "Jakarta": 1,
    "Bandung": 2,
    "Surabaya": 3,
    "Yogyakarta": 4,
    "Semarang": 5,
    "Medan": 6,
    "Makassar": 7,
    "Palembang": 8,
    "Denpasar": 9,
    "Buleleng": 10,
    "Malang": 11,
    "Balikpapan": 12,
    "Manado": 13,
    "Bogor": 14,
}

_DEMO_BRANCHES = (
    (1062, "Jakarta", "Kemang", -6.2607, 106.8136, (663, 664, 5297)),
    (1063, "Jakarta", "Menteng", -6.1953, 106.8324, (664, 1100, 1615)),
    (1064, "Jakarta", "Kelapa Gading", -6.1597, 106.9055, (663, 1616, 4111)),
    (1071, "Jakarta", "Senayan", -6.2273, 106.8019, (664, 5297, 6120)),
    (1293, "Bandung", "Dago", -6.8854, 107.6136, (663, 5297)),
    (1294, "Bandung", "Braga", -6.9175, 107.6094, (664, 1615, 5297)),
    (1301, "Bandung", "Buah Batu", -6.9473, 107.6336, (5297, 6120)),
    (1410, "Surabaya", "Tunjungan", -7.2621, 112.7386, (663, 664, 1616)),
    (1411, "Surabaya", "Gubeng", -7.2754, 112.7531, (663, 4111)),
    (1412, "Surabaya", "Dharmahusada", -7.2671, 112.7722, (1100, 6120)),
    (1520, "Yogyakarta", "Malioboro", -7.7926, 110.3658, (663, 664, 5297)),
    (1521, "Yogyakarta", "Seturan", -7.7673, 110.4103, (4111, 6120)),
    (1605, "Semarang", "Simpang Lima", -6.9903, 110.4229, (663, 1615)),
    (1606, "Semarang", "Tembalang", -7.0553, 110.4381, (1616, 5297)),
    (1733, "Medan", "Polonia", 3.5657, 98.6731, (663, 6120)),
    (1734, "Medan", "Petisah", 3.5912, 98.6641, (1616, 4111)),
    (1850, "Makassar", "Losari", -5.1437, 119.4076, (663, 664)),
    (1921, "Palembang", "Ilir Timur", -2.9683, 104.7662, (1615, 6120)),
    (2044, "Denpasar", "Renon", -8.6725, 115.2336, (664, 1100, 4111)),
    (2045, "Denpasar", "Sanur", -8.6936, 115.2628, (1100, 5297)),
    (2150, "Malang", "Ijen", -7.9666, 112.6210, (663, 4111)),
    (2260, "Balikpapan", "Klandasan", -1.2761, 116.8283, (663, 1616)),
    (2371, "Manado", "Boulevard", 1.4822, 124.8364, (664, 6120)),
    (2482, "Bogor", "Pajajaran", -6.5898, 106.8060, (1100, 5297)),
    (5913, "Buleleng", "", -8.1242, 115.0929, (1100, 1615, 1616, 4111)),
)


def demo_branches() -> tuple[Branch, ...]:
    """Return the 25 branches of the demo business; their brands make exactly 60 stores."""
    return tuple(
        Branch(
            id_,
            f"(DEMO) {city} {area}".strip(),
            f"Jl. Raya {area or city} No. {id_ % 97}, {city}",
            CITY_IDS[city],
            lat,
            lon,
            ids,
        )
        for id_, city, area, lat, lon, ids in _DEMO_BRANCHES
    )


def large_brands() -> tuple[Brand, ...]:
    """Return 40 brands, five of each kind of kitchen."""
    return tuple(
        Brand(10_001 + index, f"{DEMO_BRANDS[index % 8].title} {index // 8 + 1}") for index in range(40)
    )


def large_branches() -> tuple[Branch, ...]:
    """Return 500 branches of three brands each: 1,500 stores."""
    brand_ids = [brand.id for brand in large_brands()]
    return tuple(
        _numbered(20_001 + index, tuple(sorted(brand_ids[(3 * index + step * 7) % 40] for step in range(3))))
        for index in range(500)
    )


def _numbered(branch_id: int, brand_ids: tuple[int, ...]) -> Branch:
    city = list(CITY_IDS)[branch_id % len(CITY_IDS)]
    title = f"(DEMO) {city} {branch_id - 20_000:03d}"
    return Branch(
        branch_id, title, f"Jl. Raya {city} No. {branch_id}", CITY_IDS[city], -6.2, 106.8, brand_ids
    )
