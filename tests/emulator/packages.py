"""Deployment packages of functions."""

import io
import zipfile


def package(source, **files):
    """A ZIP file with *source* as ``lambda_function.py``, and *files* beside it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("lambda_function.py", source)
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()
