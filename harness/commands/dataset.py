"""The data set, step by step."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.options import Commands, bar, clear_errors


@click.group(cls=Commands)
def dataset() -> None:
    """Extract, transform, load - or synthesize - the CIFAR-100 vehicles."""


@dataset.command("synthesize")
@click.argument("archive", type=click.Path(dir_okay=False), default=".harness/synthetic.tar.gz")
@click.option("--seed", type=int, default=0, show_default=True, help="Draw by this seed.")
@click.option(
    "--train",
    "train_per_class",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="Draw so many of each class.",
)
@click.option(
    "--test",
    "test_per_class",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Draw so many of each class.",
)
def dataset_synthesize(archive: str, seed: int, train_per_class: int, test_per_class: int) -> None:
    """Draw bicycles and motorcycles into ARCHIVE, in the form of CIFAR-100's."""
    from harness.scones.dataset.synthesize import synthesize

    with clear_errors(), bar("Drawing") as update:
        path = synthesize(
            Path(archive), seed=seed, train_per_class=train_per_class, test_per_class=test_per_class, progress=update
        )
    click.echo(f"wrote {path}")


@dataset.command("extract")
@click.argument("archive", type=click.Path(dir_okay=False), default=".harness/cifar-100-python.tar.gz")
@click.option("--source", help="Read this URL, or this file.  [default: CIFAR-100 at the University of Toronto]")
@click.option("--md5", help="Expect this checksum.  [default: the published one for the default source]")
def dataset_extract(archive: str, source: str | None, md5: str | None) -> None:
    """Fetch CIFAR-100's python archive to ARCHIVE, going on where an earlier try broke off."""
    from harness.scones.dataset.download import CIFAR_100_URL, extract

    with clear_errors(), bar("Fetching") as update:
        path = extract(source or CIFAR_100_URL, Path(archive), md5=md5, progress=update)
    click.echo(f"{path} is complete")


@dataset.command("transform")
@click.argument("archive", type=click.Path(exists=True, dir_okay=False))
@click.argument("folder", type=click.Path(file_okay=False))
def dataset_transform(archive: str, folder: str) -> None:
    """Write the vehicles of ARCHIVE to FOLDER, as PNG files and manifests."""
    from harness.scones.dataset.archive import read_archive
    from harness.scones.dataset.transform import transform

    with clear_errors():
        made = transform(read_archive(Path(archive)), Path(folder))
    click.echo(f"wrote {len(made.train)} training and {len(made.test)} test images to {folder}")


@dataset.command("load")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.argument("uri", metavar="s3://BUCKET[/PREFIX]")
def dataset_load(folder: str, uri: str) -> None:
    """Upload FOLDER to S3, only what changed."""
    import boto3

    from harness.project.bucket import own_buckets
    from harness.scones.dataset.load import load
    from harness.scones.dataset.transform import from_folder

    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise click.BadParameter(f"{uri!r}: expected s3://BUCKET or s3://BUCKET/PREFIX")
    prefix = f"{prefix.rstrip('/')}/" if prefix else ""
    with clear_errors(), bar("Loading") as update:
        report = load(from_folder(Path(folder)), own_buckets(boto3.Session()), bucket, prefix, progress=update)
    click.echo(f"uploaded {report.uploaded} files ({report.uploaded_bytes} bytes), {report.unchanged} were unchanged")
