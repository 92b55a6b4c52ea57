"""Capture files to test with."""

import base64
import io
import json
from datetime import UTC, datetime, timedelta

import numpy as np
from PIL import Image

START = datetime(2026, 1, 1, 22, 30, tzinfo=UTC)


def record(number=0, output="[0.25, 0.75]", encoding="JSON", image=b"image", time=None, **metadata):
    """A record as AWS writes it; *output* None for one whose output was not captured."""
    moment = time or START + timedelta(minutes=number)
    data = {"endpointInput": side("INPUT", "image/png", base64.b64encode(image).decode(), "BASE64")}
    if output is not None:
        data["endpointOutput"] = side("OUTPUT", "application/json", output, encoding)
    return {
        "captureData": data,
        "eventMetadata": {
            "eventId": f"00000000-0000-4000-8000-{number:012d}",
            **metadata,
            "inferenceTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        },
        "eventVersion": "0",
    }


def side(mode, content_type, data, encoding):
    return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}


def line(*arguments, **named):
    return json.dumps(record(*arguments, **named), separators=(",", ":")).encode() + b"\n"


def key_of(time, name, variant="AllTraffic"):
    """Where Data Capture puts what was captured at *time*, below an endpoint's folder."""
    return f"{variant}/{time:%Y/%m/%d/%H}/{time:%M-%S}-000-{name}.jsonl"


def png(seed, side=8, shade=1.0):
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3)) * shade
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def write_hours(folder, hours=4, each=5, variants=("blue", "green")):
    """Captures of some hours: every record's confidence and class follow from its number."""
    number = 0
    for variant in variants:
        for hour in range(hours):
            start = START.replace(minute=0) + timedelta(hours=hour)
            path = folder / key_of(start, f"{variant}-{hour}", variant)
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = []
            for minute in range(each):
                share = 0.5 + (number * 7 % 50) / 100
                values = [share, 1 - share] if number % 3 else [1 - share, share]
                lines.append(
                    line(number, json.dumps(values), image=png(number), time=start + timedelta(minutes=minute))
                )
                number += 1
            path.write_bytes(b"".join(lines))
    return number
