"""What the demo kitchens cook: the names from which the menus are made."""

# ruff: noqa: E501 - one category a line reads best

from __future__ import annotations

from dataclasses import dataclass


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
