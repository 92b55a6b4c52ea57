"""Names of headers as they were sent, which moto wants for the metadata of objects."""

from __future__ import annotations

from collections.abc import Iterable


def keep_names(environ: dict[str, object], headers: Iterable[tuple[str, str]]) -> None:
    """Have *environ* know headers with an underscore in their name, which WSGI takes for a hyphen.

    One of them never stands in for a header that has the hyphen.
    """
    listed = [(name, value) for name, value in headers if "_" in name]
    if not listed:
        return
    from moto.core.request import (
        PRESERVED_HEADER_NAMES_ENVIRON_KEY,
        environ_key_for_header,
        should_preserve_original_header_name,
    )

    hyphenated = {environ_key_for_header(name) for name, _ in headers if "_" not in name}
    names: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in listed:
        key = environ_key_for_header(name)
        if should_preserve_original_header_name(name) and key not in hyphenated:
            names.setdefault(key, name)
            values.setdefault(key, []).append(value.replace("\r\n", ""))
    environ.update({key: ",".join(found) for key, found in values.items()})
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = names
