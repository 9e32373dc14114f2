"""What using the device SDK loads."""

import subprocess
import sys
from pathlib import Path

import pytest

FRAMEWORKS = ("torch", "opacus", "flwr", "transformers")
IMPORT = "import penchant.client"
USE = """
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from penchant.client import Device, Event, KeyFile
from penchant.shared.catalogue import Catalogue
from penchant.shared.features import FeatureMap
from penchant.shared.ranker import Preset, Ranker, RankerSettings
from penchant.shared.scoring import Scorer

embeddings = np.eye(4, dtype=np.float32)
settings = RankerSettings(
    preset=Preset.FULL, items=4, features=2, dimension=2, history_length=3
)
ranker = Ranker.initial(settings, FeatureMap.principal(embeddings, rank=2))
scorer = Scorer.bind(ranker, Catalogue.of(list("abcd"), embeddings))
folder = Path(sys.argv[1])
with Device.open(folder / "device", scorer, keys=KeyFile(folder / "key")) as device:
    device.observe(Event(kind="view", item="a"))
    assert len(device.recommend(k=3)) == 3
    settings = replace(settings, preset=Preset.COMPACT)
    ranker = Ranker.initial(settings, FeatureMap.principal(embeddings, rank=2))
    grown = replace(ranker, item_rounds=np.array([4, 4, 4, 0], dtype=np.int32))
    assert grown.new_items.tolist() == [3]
    device.install(Scorer.bind(grown, scorer.catalogue))
    assert len(device.recommend(k=3)) == 3
"""
REPORT = """
import sys
print(*(name for name in sys.modules if name.partition('.')[0] in {frameworks}))
"""


@pytest.mark.parametrize("code", [IMPORT, USE], ids=["import", "use"])
def test_ranking_loads_no_framework(code: str, tmp_path: Path) -> None:
    """Importing the SDK, opening a device, observing and recommending load no framework.

    Nor does ranking an item that the ranker has not seen.
    """
    program = code + REPORT.format(frameworks=FRAMEWORKS)
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_importing_loads_only_what_ranking_needs() -> None:
    """What validates, embeds, encrypts keys or reads releases waits until it is used."""
    later = ("pydantic", "onnxruntime", "tokenizers", "safetensors", "keyring", "cryptography")
    program = IMPORT + REPORT.format(frameworks=later)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, [])


def test_the_check_sees_a_framework(tmp_path: Path) -> None:
    """The check above would see a framework: training is the part that loads torch."""
    program = "import penchant.client.training.model" + REPORT.format(frameworks=FRAMEWORKS)
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "torch" in done.stdout.split()
