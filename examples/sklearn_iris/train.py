"""The training script: a decision tree on iris, as in AWS's example of scikit-learn's estimator."""

import argparse
import os
from pathlib import Path

import joblib
import pandas as pd
from sklearn import tree


def model_fn(model_dir):
    """Load the model."""
    return joblib.load(Path(model_dir) / "model.joblib")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--max_leaf_nodes", type=int)
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
    args = parser.parse_args()
    rows = pd.concat(pd.read_csv(path, header=None) for path in Path(args.train).iterdir())
    model = tree.DecisionTreeClassifier(max_leaf_nodes=args.max_leaf_nodes)
    model.fit(rows.iloc[:, 1:].to_numpy(), rows.iloc[:, 0].to_numpy())
    joblib.dump(model, Path(args.model_dir) / "model.joblib")
