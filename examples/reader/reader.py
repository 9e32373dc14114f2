"""A reader for a folder of articles that learns what its one reader likes, and tells nobody.

    python examples/reader/reader.py examples/reader/articles

Everything happens in this process: the page is served to this machine alone, and nothing is sent.
"""

import argparse
import sys
from pathlib import Path

import uvicorn
from articles import catalogue_of, read_articles
from platformdirs import user_data_path
from web import application

from penchant.client import Device, Encoder, KeyFile, KeySource, OsKeyStore, Scorer
from penchant.shared.encoding.cached import find_bundle
from penchant.shared.errors import PenchantError

__all__ = ["main"]


def main() -> None:
    """Open the device and serve its pages until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("articles", type=Path, help="folder of .md or .txt files")
    parser.add_argument(
        "--device",
        type=Path,
        default=user_data_path("penchant-reader", appauthor=False),
        help="where the device keeps what it learns (default: in your data folder)",
    )
    parser.add_argument(
        "--key-file",
        type=Path,
        help="keep the device's key in this file, where there is no key store",
    )
    parser.add_argument("--encoder", default="minilm", help="a bundle's folder, or an asset's name")
    parser.add_argument("--port", type=int, default=8765)
    arguments = parser.parse_args()
    keys: KeySource = KeyFile(arguments.key_file) if arguments.key_file else OsKeyStore()
    try:
        serve(arguments.articles, arguments.device, keys, arguments.encoder, port=arguments.port)
    except PenchantError as error:
        sys.exit(f"reader: {error}")


def serve(folder: Path, home: Path, keys: KeySource, encoder_name: str, *, port: int) -> None:
    """Serve the articles of ``folder`` at 127.0.0.1, with the device that lives in ``home``.

    Raises:
        PenchantError: the articles, the encoder or the device cannot be opened.
    """
    articles = read_articles(folder)
    encoder = Encoder.open(find_bundle(encoder_name))
    scorer = Scorer.untrained(catalogue_of(articles, encoder))
    with Device.open(home, scorer, keys=keys, encoder=encoder) as device:
        # One thread serves: a device is one person's, and its store wants one thread.
        uvicorn.run(
            application(device, articles, port=port),
            host="127.0.0.1",
            port=port,
            log_level="warning",
            access_log=False,
        )


if __name__ == "__main__":
    main()
