"""Small but realistic data sets in the forms that people have them: MIND, shops, wide tables."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

PEOPLE, THEMES = 40, 4
START = datetime(2019, 11, 9, 0, 1, 13, tzinfo=UTC)

MakeFiles = Callable[[Path], Path]


def tastes(rng: np.random.Generator, *, items: int, events: int) -> list[list[int]]:
    """People's items in their order: four in five are of the person's theme, none comes twice."""
    themes = np.arange(items) % THEMES
    histories = []
    for person in range(PEOPLE):
        weight = np.where(themes == person % THEMES, 4.0 * (THEMES - 1), 1.0)
        number = int(rng.integers(events // 2, events + 1))
        chosen = rng.choice(items, number, replace=False, p=weight / weight.sum())
        histories.append(chosen.tolist())
    return histories


def write_mind(folder: Path) -> Path:
    """Write ``train/`` and ``dev/`` as MIND has them, quotes in titles included."""
    rng = np.random.default_rng(0)
    topics = (
        ("sports", "football_nfl", "Patriots win again as \"Brady\" throws {} touchdowns"),
        ("finance", "markets", "Stocks close {} points higher after Fed meeting"),
        ("health", "nutrition", "{} foods that doctors say help you sleep"),
        ("travel", "destinations", "The {} prettiest small towns in the Alps"),
    )  # fmt: skip
    histories = tastes(rng, items=160, events=16)
    for part, people in (("train", range(30)), ("dev", range(20, PEOPLE))):
        home = folder / part
        home.mkdir(parents=True)
        with (home / "news.tsv").open("w") as news:
            for item in range(160):
                category, subcategory, title = topics[item % THEMES]
                words = (f"N{item}", category, subcategory, title.format(item), "An abstract.")
                news.write("\t".join((*words, "https://assets.msn.com/x", "[]", "[]")) + "\n")
        with (home / "behaviors.tsv").open("w") as behaviours:
            for number, person in enumerate(people, start=1):
                *history, first, second = histories[person]
                moment = START + timedelta(hours=37 * number, days=5 * (part == "dev"))
                for click in (first, second):
                    others = [int(i) for i in rng.choice(160, 9, replace=False) if i != click]
                    shown = [f"N{click}-1", *(f"N{other}-0" for other in others)]
                    when = moment.strftime("%m/%d/%Y %-I:%M:%S %p")
                    row = (str(number), f"U{person}", when, " ".join(f"N{i}" for i in history))
                    behaviours.write("\t".join((*row, " ".join(rng.permutation(shown)))) + "\n")
                    moment += timedelta(minutes=3)
    return folder


def write_shop(folder: Path) -> Path:
    """Write a German shop's events, in order and without times, and its items."""
    rng = np.random.default_rng(1)
    goods = (
        ("Küche", "Gusseiserner Bräter, {} Liter, für Ofen und Herd"),
        ("Garten", "Gartenschere für Rosen und Sträucher, {} cm"),
        ("Bücher", "Der kurze Weg zum großen Glück, Band {}"),
        ("Fahrrad", "Fahrradschlauch für Rennräder, Größe {}"),
    )
    histories = tastes(rng, items=150, events=14)
    lines = [
        (place, f"A{person:05}", f"B{item:07}")
        for person, history in enumerate(histories)
        for place, item in enumerate(history)
    ]
    with (folder / "bewertungen.csv").open("w") as events:
        events.write("reviewerID,asin,overall\n")
        for _, person, item in sorted(lines):
            events.write(f"{person},{item},{rng.integers(1, 6)}.0\n")
    with (folder / "artikel.tsv").open("w", encoding="utf-8-sig") as items:
        items.write("asin\tTitel\tKategorie\n")
        for number in range(150):
            kind, title = goods[number % THEMES]
            items.write(f"B{number:07}\t{title.format(number)}\t{kind}\n")
    return folder


def write_people(folder: Path) -> Path:
    """Write a Chinese table in the wide form, in GB18030, with lists as people write them."""
    rng = np.random.default_rng(2)
    things = ("无线降噪耳机 {} 代", "户外登山背包 {} 升", "川味火锅底料 {} 克", "儿童绘本 第{}册")
    histories = tastes(rng, items=140, events=16)
    with (folder / "用户.csv").open("w", encoding="gb18030") as table:
        table.write("用户ID,浏览历史,搜索记录,点击行为\n")
        for person, history in enumerate(histories):
            names = [things[item % THEMES].format(item) for item in history]
            viewed = ("；" if person % 2 else ";").join(names[:-3])  # noqa: RUF001
            searched = f"{things[person % THEMES][:4]}、推荐"
            table.write(f'用户{person:03},"{viewed}",{searched},"{"；".join(names[-3:])}"\n')  # noqa: RUF001
    return folder / "用户.csv"


@pytest.fixture(scope="session")
def mind_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the form of MIND: 40 people, 160 news."""
    return write_mind(tmp_path_factory.mktemp("mind"))


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A German shop's ``bewertungen.csv`` (no times) and ``artikel.tsv``: 150 items."""
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def people_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Chinese table in the wide form: 140 things."""
    return write_people(tmp_path_factory.mktemp("people"))
