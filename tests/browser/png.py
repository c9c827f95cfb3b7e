"""Small PNGs out of Chromium's: a palette of 256 colours is enough for a page (PNG, RFC 2083)."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_COLOURS = 256
Colour = bytes


def shrunk(png: bytes) -> bytes:
    """Return a picture with a palette: the most frequent colours as they are, the rest near."""
    width, height, lines = _pixels(png)
    counts = Counter(line[at : at + 3] for line in lines for at in range(0, len(line), 3))
    palette = [colour for colour, _ in counts.most_common(MOST_COLOURS)]
    numbers = {colour: number for number, colour in enumerate(palette)}
    for colour in counts.keys() - numbers.keys():
        numbers[colour] = _nearest(colour, palette)
    rows = (
        b"\0" + bytes(numbers[line[at : at + 3]] for at in range(0, len(line), 3)) for line in lines
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = [
        (b"IHDR", head),
        (b"PLTE", b"".join(palette)),
        (b"IDAT", zlib.compress(b"".join(rows), 9)),
        (b"IEND", b""),
    ]
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in parts)


def _nearest(colour: Colour, palette: list[Colour]) -> int:
    def distance(number: int) -> int:
        return sum((a - b) ** 2 for a, b in zip(colour, palette[number], strict=True))

    return min(range(len(palette)), key=distance)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def _pixels(png: bytes) -> tuple[int, int, list[bytes]]:
    """Return the size and the lines of a picture in 8-bit colours without transparency."""
    chunks = list(_chunks(png))
    width, height, depth, kind = struct.unpack_from(">IIBB", dict(chunks)[b"IHDR"])
    assert (depth, kind) == (8, 2), "Chromium's screenshots are RGB"
    data = zlib.decompress(b"".join(part for name, part in chunks if name == b"IDAT"))
    stride, above = 3 * width, bytearray(3 * width)
    lines = []
    for row in range(height):
        start = row * (stride + 1)
        above = _unfiltered(data[start], bytearray(data[start + 1 : start + 1 + stride]), above)
        lines.append(bytes(above))
    return width, height, lines


def _unfiltered(filter: int, line: bytearray, above: bytearray) -> bytearray:
    for at in range(len(line)):
        left, corner = (line[at - 3], above[at - 3]) if at >= 3 else (0, 0)
        up = above[at]
        guess = (0, left, up, (left + up) // 2, _paeth(left, up, corner))[filter]
        line[at] = (line[at] + guess) & 255
    return line


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    near = abs(guess - left), abs(guess - up), abs(guess - corner)
    return (left, up, corner)[near.index(min(near))]
