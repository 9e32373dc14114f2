"""Small data sets with structure, written in the forms that well-known ones are published in.

Quirks and all: empty fields, quotes, odd encodings, fields that mislead. Each function writes into
a folder and returns what ``--dataset`` is to be, as the table in ``docs/data.md`` says it.
"""

import bz2
import gzip
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

PEOPLE, ITEMS, THEMES = 120, 160, 4
START = datetime(2018, 3, 1, 7, 30, tzinfo=UTC)

# Titles of each theme, as a shop, a cinema or a newspaper would have them.
TITLES = {
    "en": (
        ("Books", "A history of the {} great sea voyages", "Sailing round the world in {} days"),
        ("Kitchen", "Cast-iron pot of {} litres for soups", "Kitchen knife, {} cm, for vegetables"),
        ("Music", "Concerto No. {} for \"violin\" and orchestra", "String quartet, opus {}"),
        ("Garden", "Rose shears for {} bushes", "Watering can, {} litres, for the garden"),
    ),
    "de": (
        ("Bücher", "Geschichte der {} großen Seereisen", "In {} Tagen um die Welt segeln"),
        ("Küche", "Gusseiserner Topf, {} Liter, für Suppen", "Küchenmesser für Gemüse, {} cm"),
        ("Musik", "Konzert Nr. {} für Violine und Orchester", "Streichquartett, Opus {}"),
        ("Garten", "Rosenschere für {} Sträucher", "Gießkanne für den Garten, {} Liter"),
    ),
    "ja": (
        ("本", "大航海の歴史 第{}巻", "世界一周の船旅 {}日間"),
        ("キッチン", "スープのための鋳鉄鍋 {}リットル", "野菜用の包丁 {}センチ"),
        ("音楽", "ヴァイオリンと管弦楽のための協奏曲 第{}番", "弦楽四重奏曲 作品{}"),
        ("園芸", "バラの剪定ばさみ {}号", "庭のじょうろ {}リットル"),
    ),
    "ar": (
        ("كتب", "تاريخ الرحلات البحرية الكبرى الجزء {}", "الإبحار حول العالم في {} يوما"),
        ("مطبخ", "قدر من الحديد للحساء {} لتر", "سكين مطبخ للخضروات {} سم"),
        ("موسيقى", "كونشرتو للكمان والأوركسترا رقم {}", "رباعية وترية رقم {}"),
        ("حديقة", "مقص لتقليم الورود {}", "إبريق لسقي الحديقة {} لتر"),
    ),
    "hi": (
        ("किताबें", "महान समुद्री यात्राओं का इतिहास भाग {}", "{} दिनों में दुनिया की सैर"),
        ("रसोई", "सूप के लिए लोहे का बर्तन {} लीटर", "सब्जियों के लिए चाकू {} सेमी"),
        ("संगीत", "वायलिन और ऑर्केस्ट्रा के लिए संगीत {}", "तार वाद्य चौकड़ी {}"),
        ("बागवानी", "गुलाब के लिए कैंची {}", "बगीचे के लिए पानी का डिब्बा {}"),
    ),
}  # fmt: skip


def histories(seed: int = 0) -> list[list[int]]:
    """People's items in order: three in four of the person's theme, popular ones of it first."""
    rng = np.random.default_rng(seed)
    themes, places = np.arange(ITEMS) % THEMES, np.arange(ITEMS) // THEMES
    popular = 1.0 / (1.0 + places) ** 0.8
    found = []
    for person in range(PEOPLE):
        weight = popular * np.where(themes == person % THEMES, 9.0, 1.0)
        count = int(rng.integers(5, 16))
        found.append(rng.choice(ITEMS, count, replace=False, p=weight / weight.sum()).tolist())
    return found


def title(item: int, language: str = "en") -> str:
    """An item's title."""
    _, *forms = TITLES[language][item % THEMES]
    return forms[item // THEMES % 2].format(item)


def theme(item: int, language: str = "en") -> str:
    """An item's category."""
    return TITLES[language][item % THEMES][0]


def events(seed: int = 0) -> list[tuple[int, int, datetime]]:
    """Person, item and time of everything, in order of time."""
    rng = np.random.default_rng(seed + 1)
    rows = [
        (person, item, START + timedelta(hours=int(start) + 31 * place))
        for person, (history, start) in enumerate(
            zip(histories(seed), rng.integers(0, 5000, PEOPLE), strict=True)
        )
        for place, item in enumerate(history)
    ]
    return sorted(rows, key=lambda row: row[2])


def packed(path: Path, lines: list[str]) -> Path:
    """Write lines, gzipped."""
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return path


def mind(folder: Path) -> str:
    """MINDsmall's two downloads: empty histories and abstracts, quotes, people who never click."""
    rng = np.random.default_rng(2)
    zone = "[]"
    news = [
        "\t".join(
            (
                f"N{10000 + item}",
                theme(item).lower(),
                f"{theme(item).lower()}-more",
                title(item),
                "" if item % 5 == 0 else f'"{title(item)}", they say.',
                f"https://assets.msn.com/labs/mind/AA{item}.html",
                zone,
                '[{"Label": "X", "Type": "P", "WikidataId": "Q1", "Confidence": 1.0}]',
            )
        )
        for item in range(ITEMS)
    ]
    for part, people in (("train", range(90)), ("dev", range(70, PEOPLE))):
        rows = []
        for person in people:
            *history, first, second = histories()[person]
            history = [] if person % 25 == 0 else history
            moment = datetime(2019, 11, 9 + 6 * (part == "dev"), person % 24, 3, 7, tzinfo=UTC)
            for click in (first, second):
                others = [int(i) for i in rng.choice(ITEMS, 9, replace=False) if i != click]
                shown = [f"N{10000 + click}-1", *(f"N{10000 + other}-0" for other in others)]
                when = moment.strftime("%m/%d/%Y %-I:%M:%S %p")
                read = " ".join(f"N{10000 + item}" for item in history)
                rows.append((f"U{person}", when, read, " ".join(rng.permutation(shown))))
                moment += timedelta(minutes=9)
        rows.append(("U9999", "11/15/2019 9:10:01 AM", "", "N10001-0 N10002-0"))
        order = rng.permutation(len(rows))
        with zipfile.ZipFile(folder / f"MINDsmall_{part}.zip", "w") as archive:
            lines = ["\t".join((str(n), *rows[at])) for n, at in enumerate(order, start=1)]
            archive.writestr("behaviors.tsv", "\n".join(lines) + "\n")
            archive.writestr("news.tsv", "\n".join(news) + "\n")
            archive.writestr("entity_embedding.vec", "Q1\t0.1\t0.2\n")
            archive.writestr("relation_embedding.vec", "P1\t0.1\t0.2\n")
    return f"mind:{folder}"


def amazon_5core(folder: Path) -> str:
    """Reviews of 2014: JSON, gzipped; its metadata is in lines as Python prints them."""
    reviews = [
        json.dumps(
            {
                "reviewerID": f"A{person:013}",
                "asin": f"B00{item:07}",
                "reviewerName": "J. \"Jay\" Doe",
                "helpful": [0, 1],
                "reviewText": f"I bought {item} of these in {when:%B}, and \"liked\" them.",
                "overall": 5.0,
                "summary": f"Good {person}",
                "unixReviewTime": int(when.timestamp()),
                "reviewTime": f"{when:%m} {when.day}, {when:%Y}",
            }
        )
        for person, item, when in events()
    ]  # fmt: skip
    goods: list[dict[str, Any]] = [
        {
            "asin": f"B00{item:07}",
            "title": title(item),
            "price": 9.5 + item,
            "salesRank": {"Toys": item},
            "categories": [["Home", theme(item)]],
        }
        for item in range(ITEMS)
    ]
    del goods[7]["title"], goods[8]["price"]
    packed(folder / "reviews_Home_5.json.gz", reviews)
    packed(folder / "meta_Home.json.gz", [repr(row) for row in goods])
    return f"table:{folder}/reviews_Home_5.json.gz,items={folder}/meta_Home.json.gz"


def amazon_2023(folder: Path) -> str:
    """Reviews of 2023, whose title and text are the reviewer's; times in milliseconds."""
    reviews = [
        json.dumps(
            {
                "rating": 5.0,
                "title": f"Such a lovely thing no. {n}",
                "text": f"It is what {person} wanted.<br />",
                "images": [],
                "asin": f"B0V{item:07}",
                "parent_asin": f"B0P{item:07}",
                "user_id": f"AGK{person:08}",
                "timestamp": int(when.timestamp() * 1000),
                "helpful_vote": 0,
                "verified_purchase": True,
            }
        )
        for n, (person, item, when) in enumerate(events())
    ]
    goods = [
        json.dumps(
            {
                "main_category": theme(item),
                "title": title(item),
                "average_rating": 4.8,
                "features": ["Good", "Cheap"],
                "description": [],
                "price": None if item % 2 else "12.99",
                "images": [{"thumb": "https://m.media-amazon.com/x.jpg", "hi_res": None}],
                "categories": ["Home", theme(item)],
                "details": {"Brand": "Y"},
                "parent_asin": f"B0P{item:07}",
                "bought_together": None,
            }
        )
        for item in range(ITEMS)
    ]
    packed(folder / "Home.jsonl.gz", reviews)
    packed(folder / "meta_Home.jsonl.gz", goods)
    return f"table:{folder}/Home.jsonl.gz,items={folder}/meta_Home.jsonl.gz"


def amazon_ratings(folder: Path) -> str:
    """Ratings only, of 2018: no header, and the item before the user."""
    (folder / "Home.csv").write_text(
        "".join(
            f"B00{item:07},A{person:013},5.0,{int(when.timestamp())}\n"
            for person, item, when in events()
        )
    )
    return f"table:{folder}/Home.csv,header=no,item=1,user=2,time=4"


def beauty(folder: Path) -> str:
    """S3-Rec's ``Beauty.txt``: a line a person, numbers from 1, no times and no texts."""
    (folder / "Beauty.txt").write_text(
        "".join(
            f"{person + 1} {' '.join(str(item + 1) for item in history)}\n"
            for person, history in enumerate(histories())
        )
    )
    return f"sequences:{folder}/Beauty.txt"


def recbole(folder: Path) -> str:
    """RecBole's atomic files, with types in their headers."""
    with (folder / "shop.inter").open("w") as file:
        file.write("user_id:token\titem_id:token\trating:float\ttimestamp:float\n")
        for person, item, when in events():
            file.write(f"{person}\t{item}\t4\t{when.timestamp()}\n")
    with (folder / "shop.item").open("w") as file:
        file.write("item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n")
        for item in range(ITEMS):
            file.write(f"{item}\t{title(item)}\t\t{theme(item)}\n")
    return f"table:{folder}/shop.inter,items={folder}/shop.item,items.quotes=no"


def yelp(folder: Path) -> str:
    """Yelp's JSON, whose texts are reviews."""
    with (folder / "yelp_academic_dataset_review.json").open("w") as file:
        for n, (person, item, when) in enumerate(events()):
            row = {
                "review_id": f"r{n}",
                "user_id": f"u-{person}",
                "business_id": f"b_{item}",
                "stars": 4.0,
                "useful": 0,
                "text": f"We came {n} times,\nand \"would\" again!",
                "date": when.strftime("%Y-%m-%d %H:%M:%S"),
            }  # fmt: skip
            file.write(json.dumps(row) + "\n")
    with (folder / "yelp_academic_dataset_business.json").open("w") as file:
        for item in range(ITEMS):
            row = {
                "business_id": f"b_{item}",
                "name": title(item),
                "city": "Tampa",
                "attributes": {"WiFi": "u'free'"} if item % 2 else None,
                "categories": f"{theme(item)}, Shopping",
            }
            file.write(json.dumps(row) + "\n")
    reviews, places = (
        f"{folder}/yelp_academic_dataset_{what}.json" for what in ("review", "business")
    )
    return f"table:{reviews},items={places}"


def steam(folder: Path) -> str:
    """Steam's reviews and games, in lines as Python 2 printed them."""
    reviews = [
        f"{{u'username': u'player {person}', u'hours': {n}.5, u'product_id': u'{item}', "
        f"u'page_order': 0, u'date': u'{when:%Y-%m-%d}', u'text': u'Don\\'t \"miss\" it {n}', "
        "u'early_access': False}"
        for n, (person, item, when) in enumerate(events())
    ]
    games = [
        f"{{u'publisher': u'X', u'genres': [u'{theme(item)}', u'Indie'], u'price': {item}.99, "
        f"u'app_name': u'{title(item)}', u'title': u'{title(item)}', u'id': u'{item}'}}"
        for item in range(ITEMS)
    ]
    packed(folder / "steam_reviews.json.gz", reviews)
    packed(folder / "steam_games.json.gz", games)
    return f"table:{folder}/steam_reviews.json.gz,items={folder}/steam_games.json.gz"


def lastfm(folder: Path) -> str:
    """Last.fm 1K: no header, ISO times, newest first, artists by name, ids that are empty."""
    with (folder / "plays.tsv").open("w") as file:
        for person, item, when in reversed(events()):
            artist = f"{'' if item % 3 else 'abc-'}{item if item % 3 == 0 else ''}"
            row = (
                f"user_{person:06}",
                f"{when:%Y-%m-%dT%H:%M:%SZ}",
                artist,
                title(item),
                "",
                "Song",
            )
            file.write("\t".join(row) + "\n")
    return f"table:{folder}/plays.tsv,header=no,quotes=no,user=1,time=2,item=4,text=4"


def book_crossing(folder: Path) -> str:
    """Book-Crossing: semicolons, every field in quotes, Latin-1, quotes after backslashes."""
    with (folder / "BX-Book-Ratings.csv").open("w", encoding="latin-1") as file:
        file.write('"User-ID";"ISBN";"Book-Rating"\n')
        for person, item, _ in events():
            file.write(f'"{276700 + person}";"{item:010}";"{item % 10}"\n')
    with (folder / "BX-Books.csv").open("w", encoding="latin-1", newline="") as file:
        file.write('"ISBN";"Book-Title";"Book-Author";"Year-Of-Publication";"Publisher"\r\n')
        for item in range(ITEMS):
            words = title(item, "de").replace('"', '\\"') + (' \\"Neu\\"' if item == 9 else "")
            file.write(f'"{item:010}";"{words}";"Müller &amp; Söhne";"1998";"Ed. Ñu"\r\n')
    form = "encoding=latin-1,items.encoding=latin-1"
    return f"table:{folder}/BX-Book-Ratings.csv,items={folder}/BX-Books.csv,{form}"


def goodreads(folder: Path) -> str:
    """Goodreads: gzipped JSON, dates as ``Fri Nov 11 12:32:44 -0700 2016``."""
    shelves = [
        json.dumps(
            {
                "user_id": f"8842281e1d1347389f2ab93d60773d4d{person}",
                "book_id": str(item),
                "review_id": f"5cd416f3efc3f944fce4ce2db2290d5e{n}",
                "is_read": True,
                "rating": 0,
                "review_text_incomplete": "" if n % 3 else f"Mind {n} blowing",
                "date_added": when.strftime("%a %b %d %H:%M:%S -0700 %Y"),
                "read_at": "",
                "started_at": "",
            }
        )
        for n, (person, item, when) in enumerate(events())
    ]
    books = [
        json.dumps(
            {
                "isbn": "",
                "book_id": str(item),
                "title": title(item),
                "title_without_series": title(item),
                "popular_shelves": [{"count": "3", "name": "to-read"}],
                "similar_books": [],
                "description": "",
            }
        )
        for item in range(ITEMS)
    ]
    packed(folder / "goodreads_interactions_comics.json.gz", shelves)
    packed(folder / "goodreads_books_comics.json.gz", books)
    shelved, books_file = (
        f"{folder}/goodreads_{w}_comics.json.gz" for w in ("interactions", "books")
    )
    return f"table:{shelved},items={books_file}"


def shop(folder: Path, language: str, *, encoding: str) -> str:
    """A shop's events with dates as Europeans write them, and its goods in a language."""
    names = {"de": ("Kunde", "Artikel", "Datum", "Titel", "Kategorie"),
             "ja": ("ユーザーID", "商品ID", "日時", "商品名", "カテゴリ"),
             "ar": ("المستخدم", "المنتج", "التاريخ", "العنوان", "category"),
             "hi": ("उपयोगकर्ता", "उत्पाद", "दिनांक", "शीर्षक", "category")}  # fmt: skip
    user, item_name, time, text, kind = names[language]
    with bz2.open(folder / "events.csv.bz2", "wt", encoding=encoding) as file:
        file.write(f"{user};{item_name};{time}\n")
        for person, item, when in events():
            file.write(f"{person};{item};{when:%d.%m.%Y %H:%M}\n")
    with (folder / "items.csv").open("w", encoding=encoding) as file:
        file.write(f"{item_name};{text};{kind}\n")
        for item in range(ITEMS):
            file.write(f"{item};{title(item, language)};{theme(item, language)}\n")
    form = ",".join(f"{table}encoding={encoding}" for table in ("", "items."))
    return (
        f"table:{folder}/events.csv.bz2,time_format=%d.%m.%Y %H:%M,items={folder}/items.csv,{form}"
    )


Write = Callable[[Path], str]
FAMILIES: dict[str, Write] = {
    write.__name__: write
    for write in (
        mind, amazon_5core, amazon_2023, amazon_ratings, beauty, recbole, yelp, steam,
        lastfm, book_crossing, goodreads,
    )
}  # fmt: skip
