"""The demo business in names: its brands, its branches, and what its kitchens cook."""

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


# ruff: noqa: E501 - one category a line reads best


@dataclass(frozen=True, slots=True)
class Kitchen:
    """The dishes of one kind of brand.

    `dishes` maps a category title to its dishes; every dish comes in each of the `portions`.
    """

    sku_prefix: str
    first_category_id: int
    first_item_id: int
    price: int
    portions: tuple[str, ...]
    dishes: dict[str, tuple[str, ...]]


def _split(**dishes: str) -> dict[str, tuple[str, ...]]:
    return {title.replace("_", " "): tuple(names.split(", ")) for title, names in dishes.items()}


KITCHENS = (
    Kitchen("AGN", 41254, 301200, 22_000, ("Dada", "Paha", "Sayap"), _split(
        Ayam_Geprek="Ayam Geprek Original, Ayam Geprek Sambal Matah, Ayam Geprek Mozarella, Ayam Geprek Sambal Ijo",
        Ayam_Bakar="Ayam Bakar Madu, Ayam Bakar Taliwang, Ayam Bakar Kecap, Ayam Bakar Rica",
        Ayam_Goreng="Ayam Goreng Kremes, Ayam Goreng Lengkuas, Ayam Goreng Kalasan, Ayam Goreng Kuning",
        Ayam_Penyet="Ayam Penyet Sambal Bawang, Ayam Penyet Sambal Terasi, Ayam Penyet Sambal Korek, Ayam Penyet Telur Asin",
        Nasi_Ayam="Nasi Ayam Hainan, Nasi Ayam Betutu, Nasi Ayam Woku",
        Bubur_dan_Soto="Bubur Ayam Cianjur, Soto Ayam Lamongan, Soto Ayam Banjar",
        Paket_Hemat="Paket Hemat Geprek, Paket Hemat Bakar, Paket Hemat Kremes",
    )),
    Kitchen("KSJ", 40310, 295410, 18_000, ("Panas", "Dingin", "Botol"), _split(
        Kopi_Susu="Kopi Susu Gula Aren, Kopi Susu Senja, Kopi Susu Pandan, Kopi Susu Kelapa",
        Espresso="Americano, Cappuccino, Cafe Latte, Kopi Tubruk",
        Kopi_Nusantara="Gayo V60, Toraja V60, Kintamani V60, Mandheling V60",
        Cokelat="Cokelat Klasik, Cokelat Hazelnut, Cokelat Mint, Cokelat Pisang",
        Teh="Teh Melati, Teh Tarik, Teh Serai",
        Jamu="Kunyit Asam, Beras Kencur, Wedang Jahe",
        Minuman_Segar="Es Jeruk Peras, Es Kelapa Muda, Es Timun Serut",
    )),
    Kitchen("HKT", 38702, 280150, 35_000, ("Reguler", "Protein Ekstra", "Rendah Kalori"), _split(
        Salad_Bowl="Gado Gado Bowl, Caesar Salad Bowl, Karedok Bowl, Salad Alpukat Bowl",
        Rice_Bowl="Salmon Rice Bowl, Ayam Panggang Rice Bowl, Tempe Rice Bowl, Dori Rice Bowl",
        Nasi_Merah="Nasi Merah Pepes Ikan, Nasi Merah Ayam Suwir, Nasi Merah Tahu Bacem, Nasi Merah Rendang Jamur",
        Sup_Sehat="Sup Jagung Ayam, Sup Labu Kuning, Sup Ikan Bening, Sup Sayur Asem",
        Wrap="Wrap Ayam Tuna, Wrap Tempe Alpukat, Wrap Sayur Hummus",
        Smoothie_Bowl="Smoothie Bowl Naga, Smoothie Bowl Mangga, Smoothie Bowl Pisang",
        Paket_Diet="Paket Diet Siang, Paket Diet Malam, Paket Diet Vegan",
    )),
    Kitchen("KDS", 38811, 281300, 20_000, ("Isi 3", "Isi 5", "Isi 10"), _split(
        Siomay="Siomay Ayam, Siomay Udang, Siomay Kepiting, Siomay Jamur",
        Hakau="Hakau Udang, Hakau Sayur, Hakau Keju, Hakau Ayam",
        Pangsit="Pangsit Goreng Ayam, Pangsit Kuah Udang, Pangsit Chili Oil, Pangsit Keju",
        Bakpao="Bakpao Ayam Merah, Bakpao Telur Asin, Bakpao Kacang Hijau, Bakpao Cokelat",
        Ceker_dan_Iga="Ceker Angsio, Iga Tausi, Lumpia Kulit Tahu",
        Bubur="Bubur Ikan Kakap, Bubur Telur Pitan, Bubur Ayam Kanton",
        Paket_Dimsum="Paket Dimsum Mini, Paket Dimsum Sedang, Paket Dimsum Keluarga",
    )),
    Kitchen("KND", 38920, 282450, 27_000, ("Original", "Pedas", "Jumbo"), _split(
        Mi_Ayam="Mi Ayam Jamur, Mi Ayam Bakso, Mi Ayam Pangsit, Mi Ayam Ceker",
        Mi_Goreng="Mi Goreng Jawa, Mi Goreng Seafood, Mi Goreng Aceh, Mi Goreng Kampung",
        Mi_Kuah="Mi Kuah Celor, Mi Kuah Aceh, Mi Kocok Bandung, Mi Kuah Kari",
        Kwetiau="Kwetiau Siram Sapi, Kwetiau Goreng Ayam, Kwetiau Seafood, Kwetiau Bun",
        Bihun="Bihun Goreng Singapura, Bihun Kuah Bakso, Bihun Bebek",
        Bakmi_Pagi="Bakmi Polos Pagi, Bakmi Telur Pagi, Bakmi Pangsit Pagi",
        Ramen_Nusantara="Ramen Rendang, Ramen Soto, Ramen Rawon",
    )),
    Kitchen("WBB", 39010, 284600, 24_000, ("Medium", "Large", "Jumbo"), _split(
        Boba_Susu="Boba Brown Sugar, Boba Taro, Boba Matcha, Boba Red Velvet",
        Teh_Buah="Teh Leci, Teh Mangga, Teh Markisa, Teh Stroberi",
        Mocktail_Anggur="Anggur Merah Mocktail, Anggur Putih Mocktail, Sangria Mocktail, Rose Mocktail",
        Yakult="Yakult Leci, Yakult Jeruk, Yakult Mangga, Yakult Anggur",
        Milkshake="Milkshake Vanila, Milkshake Oreo, Milkshake Stroberi",
        Sarapan_Manis="Oat Boba Pagi, Susu Kedelai Boba, Pancake Boba",
        Es_Krim="Es Krim Boba, Es Krim Anggur, Es Krim Matcha",
    )),
    Kitchen("CBA", 39118, 289379, 12_000, ("Porsi Besar", "Porsi Sedang", "Porsi Kecil"), _split(
        Cimol_Beef="Cimol Beef, Cimol Beef Keju, Cimol Beef Pedas, Cimol Beef Lada Hitam",
        Cimol_Ayam="Cimol Ayam, Cimol Ayam Suwir, Cimol Ayam Pedas, Cimol Ayam Keju",
        Bojot="Bojot Original, Bojot Mercon, Bojot Keju, Bojot Kuah",
        Cireng="Cireng Rujak, Cireng Ayam, Cireng Oncom, Cireng Sosis",
        Cilok="Cilok Kuah, Cilok Bumbu Kacang, Cilok Goang",
        Seblak="Seblak Original, Seblak Ceker, Seblak Seafood",
        Paket_Jajan="Paket Jajan Berdua, Paket Jajan Keluarga, Paket Jajan Kantor",
    )),
    Kitchen("MBJ", 42016, 310020, 40_000, ("Mini", "Biasa", "Spesial"), _split(
        Martabak_Manis="Martabak Keju Cokelat, Martabak Kacang Wijen, Martabak Pandan, Martabak Red Velvet",
        Martabak_Telur="Martabak Telur Sapi, Martabak Telur Ayam, Martabak Telur Bebek, Martabak Telur Tuna",
        Martabak_Tipis="Martabak Tipis Kering Keju, Martabak Tipis Nutella, Martabak Tipis Matcha, Martabak Tipis Taro",
        Terang_Bulan="Terang Bulan Pisang, Terang Bulan Ketan, Terang Bulan Jagung, Terang Bulan Nangka",
        Roti_Bakar="Roti Bakar Srikaya, Roti Bakar Cokelat, Roti Bakar Keju",
        Roti_Canai="Roti Canai Kari, Roti Canai Gula, Roti Canai Telur",
        Kue_Basah="Kue Cubit, Kue Pancong, Kue Ape",
    )),
)  # fmt: skip

# title, the kitchens that offer the group, its options; an option may stand in several groups
MODIFIER_GROUPS = (
    ("Level Pedas", ("AGN", "KND", "CBA"), "Tidak Pedas, Sedang, Pedas, Pedas Mampus"),
    ("Pilihan Nasi", ("AGN",), "Nasi Putih, Nasi Uduk, Tanpa Nasi"),
    ("Tambahan Lauk", ("AGN", "HKT"), "Telur Ceplok, Tempe Goreng, Tahu Goreng, Sambal Ekstra"),
    ("Ukuran Gelas", ("KSJ", "WBB"), "Gelas Reguler, Gelas Besar"),
    ("Tingkat Gula", ("KSJ", "WBB"), "Gula Normal, Sedikit Gula, Tanpa Gula"),
    ("Topping Boba", ("WBB",), "Boba, Grass Jelly, Puding, Cheese Foam"),
    ("Dressing", ("HKT",), "Saus Kacang, Saus Wijen, Minyak Zaitun"),
    ("Saus Celup", ("KDS", "CBA"), "Saus Cabai, Mayones, Saus XO"),
    ("Topping Mi", ("KND",), "Telur Ceplok, Bakso Sapi, Pangsit Rebus"),
    ("Topping Martabak", ("MBJ",), "Keju Parut, Meses Cokelat, Kacang Cincang, Susu Kental"),
    ("Bumbu Tabur", ("CBA",), "Balado, Keju Parut, Barbeque, Jagung Bakar"),
)
