"""``python -m harness.algorithms.image_classification train|serve --root DIR``: the container's two programs."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path


def main() -> int:
    """Run ``train`` or ``serve``, as SageMaker starts the algorithm's container; the exit code."""
    parser = argparse.ArgumentParser(prog="image-classification", description=__doc__)
    programs = parser.add_subparsers(dest="program", required=True)
    train = programs.add_parser("train", help="train a model from DIR/input into DIR/model")
    train.add_argument(
        "--recipe",
        choices=("auto", "aws", "fast", "linear"),
        default="aws",
        help="aws: as the hyperparameters say; auto: fast where torch is installed, else linear [%(default)s]",
    )
    train.add_argument("--seed", type=int, default=0, help="of everything random [%(default)s]")
    serve = programs.add_parser("serve", help="answer GET /ping and POST /invocations with DIR/model")
    serve.add_argument("--port", type=int, default=8080, help="0 picks a free one [%(default)s]")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 in a container [%(default)s]")
    for program in (train, serve):
        program.add_argument(
            "--until-stdin-closes", action="store_true", help="end when standard input does: whoever started it is gone"
        )
        program.add_argument("--root", type=Path, default=Path("/opt/ml"), help="stands in for /opt/ml [%(default)s]")
    arguments = parser.parse_args()
    if arguments.until_stdin_closes:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    if arguments.program == "train":
        from harness.algorithms.image_classification.train import run_training

        return run_training(arguments.root, arguments.recipe, arguments.seed)
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # ONNX Runtime tells Microsoft, from its import on, unless it finds this
    from harness.algorithms.image_classification.serve import run_server

    return run_server(arguments.root, arguments.host, arguments.port)


def _end_with_stdin() -> None:
    while os.read(0, 1):  # not sys.stdin, whose lock the interpreter wants back at its end
        pass
    os.kill(os.getpid(), signal.SIGKILL)  # nobody is left to tell, or to keep anything for


if __name__ == "__main__":
    sys.exit(main())
