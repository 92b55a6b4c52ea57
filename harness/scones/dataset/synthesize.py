"""Synthesize: bicycles and motorcycles of our own drawing, in an archive of CIFAR-100's very form.

For work without a network. The pictures are simple but varied: a bicycle has thin wheels and a thin frame, a motorcycle
fat wheels, a body, a tank and a seat; size, pose, colours, background and noise differ from picture to picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from harness.scones.dataset.archive import Archive, Part, write_archive

SIZE = 32
_SCALE = 4
_CANVAS = SIZE * _SCALE
_OTHERS = (11, 47, 81)
"""Fine labels of some pictures that are neither, so that they have to be filtered out as in the real archive."""

Colour = tuple[int, int, int]
Progress = Callable[[int, int], None]


def synthesize(
    path: Path,
    *,
    seed: int = 0,
    train_per_class: int = 500,
    test_per_class: int = 100,
    progress: Progress = lambda done, total: None,
) -> Path:
    """Draw an archive. The same seed and numbers give the same pictures.

    Args:
        path: where the ``.tar.gz`` goes.
        seed: of the random numbers.
        train_per_class: bicycles, and motorcycles, in the training half.
        test_per_class: likewise in the test half.
        progress: told how many pictures are drawn and how many there will be.

    Raises:
        ValueError: fewer than one picture of a class is asked for.
    """
    if min(train_per_class, test_per_class) < 1:
        raise ValueError("at least one picture of each class is needed in each half")
    total = 2 * (train_per_class + test_per_class)
    generator = np.random.default_rng(seed)
    train = _part("train", train_per_class, generator, lambda done: progress(done, total))
    test = _part("test", test_per_class, generator, lambda done: progress(2 * train_per_class + done, total))
    write_archive(path, Archive(train, test))
    return path


def draw(label: int, generator: np.random.Generator) -> np.ndarray:
    """One picture of shape (32, 32, 3), of a bicycle (8), a motorcycle (48) or something else."""
    background, foreground = _colours(generator)
    image = _background(background, generator)
    canvas = ImageDraw.Draw(image)
    if label in (8, 48):
        vehicle = _Vehicle(canvas, foreground, background, generator)
        (vehicle.bicycle if label == 8 else vehicle.motorcycle)()
    else:
        _something_else(canvas, foreground, generator)
    image = image.rotate(float(generator.normal(0, 6)), Image.Resampling.BICUBIC, fillcolor=background)
    if generator.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if generator.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(float(generator.uniform(0.5, 2.5))))
    small = np.asarray(image.resize((SIZE, SIZE), Image.Resampling.LANCZOS), dtype=np.float32)
    noisy = small * generator.uniform(0.8, 1.1) + generator.normal(0, generator.uniform(2, 9), small.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def _part(name: str, per_class: int, generator: np.random.Generator, progress: Callable[[int], None]) -> Part:
    labels = np.array([8] * per_class + [48] * per_class + list(_OTHERS) * 2)
    generator.shuffle(labels)
    images = np.empty((len(labels), 3 * SIZE * SIZE), dtype=np.uint8)
    drawn = 0
    for row, label in enumerate(labels):
        images[row] = draw(int(label), generator).transpose(2, 0, 1).reshape(-1)
        drawn += label in (8, 48)
        progress(drawn)
    words = {8: "bicycle", 48: "motorcycle"}
    names = tuple(f"{words.get(int(label), 'other')}_s_{row:06d}.png" for row, label in enumerate(labels))
    return Part(name, images, labels, names if name == "train" else tuple(f"test_{item}" for item in names))


def _colours(generator: np.random.Generator) -> tuple[Colour, Colour]:
    # Far enough apart to be seen.
    while True:
        one, two = generator.integers(0, 256, (2, 3))
        if abs(_light(one) - _light(two)) > 70:
            break
    light, dark = sorted((one, two), key=_light, reverse=True)
    pair = (light, dark) if generator.random() < 0.8 else (dark, light)
    return _colour(pair[0]), _colour(pair[1])


def _light(colour: np.ndarray) -> float:
    return float(colour @ np.array([0.299, 0.587, 0.114]))


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = (int(value) for value in np.clip(values, 0, 255))
    return red, green, blue


def _background(colour: Colour, generator: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", (_CANVAS, _CANVAS), colour)
    if generator.random() < 0.7:
        ground = _colour(np.array(colour) + generator.integers(-50, 50, 3))
        height = int(_CANVAS * generator.uniform(0.6, 0.85))
        ImageDraw.Draw(image).rectangle((0, height, _CANVAS, _CANVAS), fill=ground)
    return image


class _Vehicle:
    """Draws one vehicle, its places given relative to the wheels."""

    def __init__(
        self, canvas: ImageDraw.ImageDraw, colour: Colour, background: Colour, generator: np.random.Generator
    ) -> None:
        self._canvas = canvas
        self._colour = colour
        self._generator = generator
        self._dark = _colour(np.array(colour) * 0.45)
        self._second = _colour(np.array(generator.integers(30, 226, 3)) * 0.7 + np.array(colour) * 0.3)
        self._base = _CANVAS * generator.uniform(0.34, 0.46)
        self._stretch = generator.uniform(0.85, 1.1)
        self._x = _CANVAS * generator.uniform(0.45, 0.55)
        self._y = _CANVAS * generator.uniform(0.58, 0.72)

    def bicycle(self) -> None:
        """Two thin, large wheels and a frame of tubes."""
        radius = 0.52 + self._generator.uniform(-0.05, 0.05)
        thin = max(2, round(self._base * 0.05))
        for side in (-1, 1):
            self._ring((side * 0.62, 0), radius, thin, self._colour)
            for spoke in range(int(self._generator.integers(0, 7))):
                angle = spoke * math.pi / 3.5
                self._tube((side * 0.62, 0), (side * 0.62 + radius * math.cos(angle), radius * math.sin(angle)), 1)
        crank, seat, head = (-0.08, 0.05), (-0.28, -0.62), (0.42, -0.6)
        for start, end in (
            ((-0.62, 0), crank),
            ((-0.62, 0), seat),
            (crank, seat),
            (crank, head),
            (seat, head),
            (head, (0.62, 0)),
        ):
            self._tube(start, end, thin + 1, self._second)
        self._tube(head, (0.36, -0.85), thin)
        self._tube((0.26, -0.88), (0.52, -0.85), thin + 1)
        self._tube(seat, (-0.3, -0.72), thin)
        self._tube((-0.45, -0.74), (-0.18, -0.74), thin + 2)

    def motorcycle(self) -> None:
        """Two fat wheels, an engine between them, a tank, a seat, a fork and a lamp."""
        radius = 0.4 + self._generator.uniform(-0.03, 0.06)
        fat = max(5, round(self._base * self._generator.uniform(0.16, 0.22)))
        for side in (-1, 1):
            self._ring((side * 0.68, 0), radius, fat, self._dark)
            self._disc((side * 0.68, 0), 0.1, self._second)
        self._shape(((-0.4, 0.15), (0.35, 0.15), (0.4, -0.25), (-0.35, -0.3)), self._dark)
        self._shape(((-0.85, -0.45), (-0.15, -0.4), (0.0, -0.25), (-0.45, -0.15), (-0.8, -0.3)), self._colour)
        self._shape(((-0.15, -0.35), (0.0, -0.62), (0.35, -0.6), (0.45, -0.3), (0.0, -0.2)), self._second)
        self._tube((0.42, -0.6), (0.68, 0), max(4, round(self._base * 0.1)), self._dark)
        self._tube((0.3, -0.82), (0.5, -0.55), max(3, round(self._base * 0.07)), self._colour)
        self._disc((0.58, -0.5), 0.13, self._colour)
        if self._generator.random() < 0.6:
            self._tube((-0.1, 0.2), (-0.85, 0.12), max(4, round(self._base * 0.1)), self._second)
        if self._generator.random() < 0.4:
            self._shape(((0.45, -0.55), (0.72, -0.75), (0.6, -0.3)), self._second)

    def _place(self, point: tuple[float, float]) -> tuple[float, float]:
        return self._x + point[0] * self._base * self._stretch, self._y + point[1] * self._base

    def _box(self, centre: tuple[float, float], radius: float) -> tuple[float, float, float, float]:
        x, y = self._place(centre)
        wide, high = radius * self._base * self._stretch, radius * self._base
        return x - wide, y - high, x + wide, y + high

    def _ring(self, centre: tuple[float, float], radius: float, width: int, colour: Colour) -> None:
        self._canvas.ellipse(self._box(centre, radius), outline=colour, width=width)

    def _disc(self, centre: tuple[float, float], radius: float, colour: Colour) -> None:
        self._canvas.ellipse(self._box(centre, radius), fill=colour)

    def _tube(
        self, start: tuple[float, float], end: tuple[float, float], width: int, colour: Colour | None = None
    ) -> None:
        self._canvas.line((self._place(start), self._place(end)), fill=colour or self._colour, width=width)

    def _shape(self, points: tuple[tuple[float, float], ...], colour: Colour) -> None:
        self._canvas.polygon([self._place(point) for point in points], fill=colour)


def _something_else(canvas: ImageDraw.ImageDraw, colour: Colour, generator: np.random.Generator) -> None:
    left, top = generator.uniform(0.1, 0.4, 2) * _CANVAS
    right, bottom = generator.uniform(0.6, 0.9, 2) * _CANVAS
    canvas.rectangle((left, top, right, bottom), fill=colour)
