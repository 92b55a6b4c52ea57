"""Put the reference workload, which lies at the top of the repository, into the wheel: `harness demo` runs it."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PARTS = ("template.yaml", "lambdas", "statemachine", "fixtures")


class BuildWithWorkload(build_py):
    """Builds the package, and copies the workload to harness/scones/reference."""

    def run(self):
        """Build, and copy the workload where the build is no editable one."""
        super().run()
        if self.editable_mode:
            return
        root, target = Path(__file__).parent, Path(self.build_lib) / "harness" / "scones" / "reference"
        for part in filter(lambda part: (root / part).exists(), PARTS):
            target.mkdir(parents=True, exist_ok=True)
            if (root / part).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", ".*")
                shutil.copytree(root / part, target / part, ignore=ignored, dirs_exist_ok=True)
            else:
                shutil.copyfile(root / part, target / part)


setup(cmdclass={"build_py": BuildWithWorkload})
