"""``docs/notebook.md``: the example notebook with its outputs, as it ran here.

    harness run --map ...=synthesized --output executed.ipynb examples/scones_unlimited/scones_unlimited.ipynb
    python docs/notebook_page.py executed.ipynb

Needs the extra ``notebook``. Warnings are left out, long logs are shortened.
"""

import base64
import re
import sys
from pathlib import Path

import nbformat

DOCS = Path(__file__).parent
IMAGES = DOCS / "images" / "notebook"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
MOST_LINES = 24
FIRST = """<!-- Made by docs/notebook_page.py from the executed notebook. -->
"""


def main() -> None:
    notebook = nbformat.read(sys.argv[1], as_version=4)
    IMAGES.mkdir(parents=True, exist_ok=True)
    for old in IMAGES.glob("*.png"):
        old.unlink()
    parts = [FIRST]
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        parts += filter(None, shown(cell.outputs, number))
    (DOCS / "notebook.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def shown(outputs, number):
    text = ""
    for index, output in enumerate(outputs):
        if output.output_type == "stream":
            text += output.text if output.name == "stdout" else ""
            continue
        data = output.get("data", {})
        if "image/png" in data:
            path = IMAGES / f"cell-{number:02d}-{index}.png"
            path.write_bytes(base64.b64decode(data["image/png"]))
            yield f"![plot](images/notebook/{path.name})"
        elif "text/plain" in data and "Predictor object" not in data["text/plain"]:
            text += data["text/plain"] + "\n"
    lines = [line for line in COLOURS.sub("", text).splitlines() if line and not line.startswith("sagemaker.config")]
    if len(lines) > MOST_LINES:
        half = MOST_LINES // 2
        lines = [*lines[:half], f"... {len(lines) - MOST_LINES} lines ...", *lines[-half:]]
    if lines:
        yield "```text\n" + "\n".join(line[:160].rstrip() for line in lines) + "\n```"


if __name__ == "__main__":
    main()
