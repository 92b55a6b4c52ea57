"""The ``harness`` command: its sub-commands are in :mod:`harness.commands`."""

from __future__ import annotations

import click

from harness.commands.capture import capture, monitor
from harness.commands.dataset import dataset
from harness.commands.doctor import doctor
from harness.commands.emulator import env, fault, policy, up
from harness.commands.evaluation import evaluate, plan
from harness.commands.options import Commands
from harness.commands.programs import parity, run
from harness.commands.project import init
from harness.commands.sagemaker import sagemaker
from harness.commands.workflow import cost_command, dashboard, demo, deploy, destroy, sweep_command
from harness.version import __version__

COMMANDS = (
    up,
    init,
    env,
    demo,
    deploy,
    destroy,
    cost_command,
    sweep_command,
    dashboard,
    doctor,
    run,
    sagemaker,
    parity,
    policy,
    fault,
    dataset,
    capture,
    monitor,
    evaluate,
    plan,
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="harness")
def main() -> None:
    """Run AWS machine-learning workflows on this machine, with unmodified code."""


for _command in COMMANDS:
    main.add_command(_command)

if __name__ == "__main__":
    main()
