"""The processing script: a part of the rows, drawn at random."""

import argparse

import pandas as pd

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--ratio", type=float)
    args = parser.parse_args()
    rows = pd.read_csv("/opt/ml/processing/input/iris.csv", header=None)
    rows.sample(frac=args.ratio, random_state=1).to_csv("/opt/ml/processing/train/train.csv", index=False, header=False)
