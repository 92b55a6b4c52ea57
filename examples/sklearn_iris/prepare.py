"""The processing script: a part of the rows, drawn at random, and a report of how many they are."""

import argparse
import json
from pathlib import Path

import pandas as pd

PLACE = Path("/opt/ml/processing")

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--ratio", type=float)
    args = parser.parse_args()
    rows = pd.read_csv(PLACE / "input" / "iris.csv", header=None).sample(frac=args.ratio, random_state=1)
    rows.to_csv(PLACE / "train" / "train.csv", index=False, header=False)
    if (PLACE / "report").is_dir():
        (PLACE / "report" / "report.json").write_text(json.dumps({"rows": len(rows)}))
