"""python -m stages.recipes.parser TREEBANK [OUT] [--epochs 12] [--seed 0] [--state build/parser.npz]

TREEBANK: the folder of a UD release (UD_English-EWT); OUT: where the pipeline is written, the bundled one if left out.
Stopped in any way, the same command goes on from the last whole epoch.
"""

import argparse
import logging
from dataclasses import replace
from pathlib import Path

from filters.parser import BUNDLED
from stages.recipes.parser.train import SECOND_ROUND, Schedule, train


def main() -> None:
    """Trains and logs the scores."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(prog="python -m stages.recipes.parser", description=__doc__)
    parser.add_argument("treebank", type=Path, help="folder with *-ud-train.conllu, *-ud-dev.conllu, *-ud-test.conllu")
    parser.add_argument("out", type=Path, nargs="?", default=BUNDLED, help="folder to write the pipeline to")
    parser.add_argument("--epochs", type=int, default=Schedule.epochs, help="of the first round")
    parser.add_argument("--seed", type=int, default=Schedule.seed)
    parser.add_argument("--state", type=Path, default=Path("build/parser.npz"), help="what is needed to go on")
    arguments = parser.parse_args()
    first = Schedule(epochs=arguments.epochs, seed=arguments.seed)
    scores = train(
        arguments.treebank, arguments.out, first, replace(SECOND_ROUND, seed=arguments.seed), arguments.state
    )
    for fold, score in scores.items():
        logging.getLogger(__name__).info("%s: %s", fold, score)


if __name__ == "__main__":
    main()
