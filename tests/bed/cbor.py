"""CBOR (RFC 8949) as the protocol rpc-v2-cbor of AWS uses it: maps, lists, texts, numbers, times. Without state and I/O."""
import math
import struct


class Time(float):
    """Seconds since the epoch, which CBOR tags with 1."""


BREAK = object()


def dumps(value):
    return bytes(_written(value))


def _head(kind, number):
    if number < 24:
        return bytes([kind << 5 | number])
    for extra, size in enumerate((1, 2, 4, 8)):
        if number < 1 << 8 * size:
            return bytes([kind << 5 | 24 + extra]) + number.to_bytes(size, "big")
    raise ValueError(f"{number} is too large")


def _written(value):
    if value is None or value is True or value is False:
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
    if isinstance(value, Time):
        return b"\xc1" + _written(int(value) if value == int(value) else float(value))
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, (bytes, str)):
        raw = value.encode() if isinstance(value, str) else value
        return _head(3 if isinstance(value, str) else 2, len(raw)) + raw
    if isinstance(value, (list, tuple)):
        return _head(4, len(value)) + b"".join(map(_written, value))
    if isinstance(value, dict):
        return _head(5, len(value)) + b"".join(_written(key) + _written(one) for key, one in value.items())
    raise ValueError(f"{type(value).__name__} has no form in CBOR")


def loads(data):
    """The value; a ValueError for what is not CBOR."""
    try:
        value, end = _read(data, 0)
    except (IndexError, KeyError, struct.error, UnicodeDecodeError, TypeError) as wrong:
        raise ValueError(f"not CBOR: {wrong}") from None
    if value is BREAK or end != len(data):
        raise ValueError("not CBOR: bytes after the value")
    return value


def _read(data, at):
    kind, extra = data[at] >> 5, data[at] & 31
    at += 1
    if kind == 7:
        return _simple(data, at, extra)
    if extra < 24:
        number = extra
    elif extra < 28:
        size = 1 << extra - 24
        number, at = int.from_bytes(_take(data, at, size), "big"), at + size
    elif extra == 31 and kind in (2, 3, 4, 5):
        return _unbounded(kind, data, at)
    else:
        raise ValueError("not CBOR: reserved length")
    if kind < 2:
        return (number if kind == 0 else -1 - number), at
    if kind < 4:
        raw = _take(data, at, number)
        return (raw if kind == 2 else raw.decode()), at + number
    if kind == 6:
        value, at = _read(data, at)
        return (Time(value) if number == 1 else value), at
    rows = []
    for _ in range(number * (kind - 3)):
        value, at = _read(data, at)
        rows.append(value)
    return _collected(kind, rows), at


def _unbounded(kind, data, at):
    """Parts up to a break."""
    rows = []
    while True:
        value, at = _read(data, at)
        if value is BREAK:
            return _collected(kind, rows), at
        rows.append(value)


def _collected(kind, rows):
    if kind < 4:
        return (b"" if kind == 2 else "").join(rows)
    return rows if kind == 4 else dict(zip(rows[::2], rows[1::2], strict=True))


def _simple(data, at, extra):
    if extra in (25, 26, 27):
        size = 1 << extra - 24
        number = struct.unpack({2: ">e", 4: ">f", 8: ">d"}[size], _take(data, at, size))[0]
        return (number if math.isfinite(number) else None), at + size
    if extra == 31:
        return BREAK, at
    return {20: False, 21: True, 22: None, 23: None}[extra], at


def _take(data, at, size):
    if at + size > len(data):
        raise ValueError("not CBOR: cut off")
    return data[at:at + size]
