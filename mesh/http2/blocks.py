"""Header blocks without state: find fields, replace fields, append fields (RFC 7541).

We advertise SETTINGS_HEADER_TABLE_SIZE 0 to every peer. Once a peer has acknowledged it, each of its blocks
depends on nothing but itself and can be sent on, byte for byte, over any other connection. Only the blocks that
a peer sends *before* its acknowledgement need its dynamic table: `Legacy` decodes those and makes them stateless.

"Literal with incremental indexing" is legal at table size 0 and passes as it is: whoever receives it forgets it at
once, because the first block on each of our connections starts with a table size update to 0 (`TABLE_SIZE_ZERO`).
"""

from collections.abc import Collection
from typing import Final, NamedTuple, NoReturn

import hpack
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from mesh.http2.limits import DEFAULT, Limits

STATIC: Final[tuple[tuple[bytes, bytes], ...]] = tuple(HeaderTable.STATIC_TABLE)
TABLE_SIZE_ZERO: Final = b"\x20"
"""Dynamic table size update to 0 (RFC 7541, 6.3)."""

_HUFFMAN_CACHE_LIMIT: Final = 4096
_HUFFMAN_CACHED_LENGTH: Final = 256
_NAME_CACHE_LIMIT: Final = 1024
_INTEGER_LIMIT: Final = 1 << 24
_FIELD_OVERHEAD: Final = 32
"""What a field counts beyond its octets in the size of a header list (RFC 9113, 6.5.2)."""
_LONG_BLOCK: Final = 16_384
"""Up to it, 256 fields cannot come to a list of 64 KiB, Huffman code or not; only longer blocks are added up."""


class BadBlock(Exception):
    """The block cannot be decoded: a COMPRESSION_ERROR of the connection (RFC 9113, 4.3)."""


class Malformed(Exception):
    """The block decodes, but the message is malformed: a PROTOCOL_ERROR of the stream (RFC 9113, 8.1.1)."""


class TooLarge(Malformed):
    """It has more fields than we read, or larger ones: ENHANCE_YOUR_CALM, which is RESOURCE_EXHAUSTED to gRPC."""


class Field(NamedTuple):
    """One field of a block, and where its representation stands: `block[start:end]`."""

    name: bytes
    value: bytes
    start: int
    end: int


def _integer(block: bytes, i: int, mask: int) -> tuple[int, int]:
    """An integer with an N-bit prefix (RFC 7541, 5.1), and the position after it."""
    value = block[i] & mask
    i += 1
    if value < mask:
        return value, i
    shift = 0
    while True:
        byte = block[i]
        i += 1
        value += (byte & 127) << shift
        if byte < 128:
            return value, i
        shift += 7
        if shift > 21 or value > _INTEGER_LIMIT:
            raise BadBlock("an integer of the header block is too large")


_huffman: dict[bytes, bytes] = {}


def _text(raw: bytes, huffman: int) -> bytes:
    """A string literal's octets; Huffman decoding costs about 0.1 µs per octet, hence the bounded cache."""
    if not huffman:
        return raw
    text = _huffman.get(raw)
    if text is None:
        try:
            text = decode_huffman(raw)
        except Exception as error:
            raise BadBlock("a string of the header block is not valid Huffman code") from error
        if len(raw) <= _HUFFMAN_CACHED_LENGTH:
            if len(_huffman) >= _HUFFMAN_CACHE_LIMIT:
                _huffman.clear()
            _huffman[raw] = text
    return text


_BAD_IN_NAMES: Final = frozenset(range(0x21)) | frozenset(range(0x41, 0x5B)) | frozenset(range(0x7F, 0x100))
_CONNECTION_SPECIFIC: Final = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")
)
_good_names: set[bytes] = {name for name, _ in STATIC if name != b"transfer-encoding"}


def _check_name(name: bytes) -> None:
    """Refuse names that RFC 9113, 8.2 forbids; a name once found good is not looked at again."""
    body = name[1:] if name.startswith(b":") else name
    if not body or b":" in body or not _BAD_IN_NAMES.isdisjoint(body) or name in _CONNECTION_SPECIFIC:
        raise Malformed(f"the field name {name!r} is not allowed in HTTP/2")
    if len(_good_names) < _NAME_CACHE_LIMIT:
        _good_names.add(name)


_INDEXED: Final = {index: pair for index, pair in enumerate(STATIC, 1) if pair[0] in _good_names}


_PSEUDO_INDICES: Final = 14
"""The static table begins with as many pseudo fields."""


def _refuse_index(index: int) -> NoReturn:
    if 0 < index <= len(STATIC):
        raise Malformed(f"the field name {STATIC[index - 1][0]!r} is not allowed in HTTP/2")
    raise BadBlock(f"index {index} is not in the static table, and there is no other")


def fields(block: bytes, start: int = 0, limits: Limits = DEFAULT) -> list[Field]:
    """Every field of a stateless block from `start` on.

    Raises `BadBlock` where the block refers to a dynamic table, is cut short or cannot be decoded, and `Malformed`
    where a field name or value is not allowed (RFC 9113, 8.2.1; spaces around a value are let pass, as everyone does,
    because a grpc-message may end in one). Beyond the limits `TooLarge`, and no more has been read than these allow.
    """
    found: list[Field] = []
    i, size = start, len(block)
    try:
        for _ in range(limits.max_fields):
            if i >= size:
                break
            begin, first = i, block[i]
            if first & 0x80:
                index, i = _integer(block, i, 0x7F)
                pair = _INDEXED.get(index)
                if pair is None:
                    _refuse_index(index)
                found.append(Field(pair[0], pair[1], begin, i))
                continue
            if first & 0x40:
                index, i = _integer(block, i, 0x3F)
            elif first & 0x20:
                raise BadBlock("a table size update stands where only a field may")
            else:
                index, i = _integer(block, i, 0x0F)
            if index:
                pair = _INDEXED.get(index)
                if pair is None:
                    _refuse_index(index)
                name = pair[0]
            else:
                huffman = block[i] & 0x80
                length, i = _integer(block, i, 0x7F)
                name = _text(block[i : i + length], huffman)
                i += length
            huffman = block[i] & 0x80
            length, i = _integer(block, i, 0x7F)
            if i + length > size:
                raise BadBlock("the header block is cut short")
            value = _text(block[i : i + length], huffman)
            i += length
            if name not in _good_names:
                _check_name(name)
            if 10 in value or 13 in value or 0 in value:
                raise Malformed(f"the value of {name!r} holds a line break or a zero byte")
            found.append(Field(name, value, begin, i))
    except IndexError:
        raise BadBlock("the header block is cut short") from None
    if i < size:
        raise TooLarge(f"more than {limits.max_fields} fields")
    if size - start > _LONG_BLOCK:
        _check_list_size(found, limits)
    return found


def _check_list_size(found: list[Field], limits: Limits) -> None:
    size = sum(len(field.name) + len(field.value) + _FIELD_OVERHEAD for field in found)
    if size > limits.max_block:
        raise TooLarge(f"a header list of {size} bytes, above {limits.max_block}")


def opens_request(block: bytes) -> bool:
    """Whether the block begins with a pseudo field, as every request does (8.3) and no trailers do."""
    first = block[0] if block else 0
    index = first & (0x7F if first & 0x80 else 0x3F if first & 0x40 else 0x0F)
    if index:
        return index <= _PSEUDO_INDICES
    if len(block) > 2 and block[1] & 0x80:
        return block[2] >> 1 == 0x5C  # a colon in Huffman code
    return block[2:3] == b":"


def check_trailers(block: bytes, end: int, limits: Limits = DEFAULT) -> None:
    """Raise `Malformed` unless this may be the trailers of a request: they end it, and are no pseudo fields (8.1)."""
    if not end:
        raise Malformed("a second header block does not end the request")
    for field in fields(block, 0, limits):
        if field.name.startswith(b":"):
            raise Malformed(f"the pseudo field {field.name!r} stands in trailers")


def without_table_update(block: bytes) -> bytes:
    """The block without the size updates that may open it; only an update to 0 is legal after our SETTINGS."""
    while block and block[0] & 0xE0 == 0x20:
        try:
            size, end = _integer(block, 0, 0x1F)
        except IndexError:
            raise BadBlock("the header block is cut short") from None
        if size:
            raise BadBlock(f"a dynamic table of {size} bytes is more than the 0 we allow")
        block = block[end:]
    return block


def _string(text: bytes) -> bytes:
    """A string literal without Huffman code (RFC 7541, 5.2)."""
    size = len(text)
    if size < 127:
        return bytes((size,)) + text
    head = bytearray((127,))
    size -= 127
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    head.append(size)
    return bytes(head) + text


def literal(name: bytes, value: bytes, *, never_indexed: bool = False) -> bytes:
    """One field as a literal that stays out of every table (RFC 7541, 6.2.2 and 6.2.3)."""
    return (b"\x10" if never_indexed else b"\x00") + _string(name) + _string(value)


def block_of(*pairs: tuple[bytes, bytes]) -> bytes:
    """A stateless block of these fields, in this order."""
    return b"".join(literal(name, value) for name, value in pairs)


def edited(block: bytes, *, drop: Collection[Field] = (), append: bytes = b"") -> bytes:
    """The block without the fields `drop`, and with the representations `append` at its end."""
    for field in sorted(drop, key=lambda field: field.start, reverse=True):
        block = block[: field.start] + block[field.end :]
    return block + append


class Legacy:
    """Makes stateless the blocks that a peer sends before it has acknowledged our table size of 0."""

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self._limits = limits
        self._decoder = hpack.Decoder(max_header_list_size=limits.max_block)

    def stateless(self, block: bytes) -> bytes:
        """The same fields, in order, as literals. `BadBlock` where the block cannot be decoded; else `TooLarge`."""
        try:
            decoded = list(self._decoder.decode(block, raw=True))
        except hpack.OversizedHeaderListError as large:
            raise TooLarge(f"a header list above {self._limits.max_block} bytes") from large
        except hpack.HPACKError as bad:
            raise BadBlock(str(bad) or type(bad).__name__) from bad
        except (IndexError, ValueError) as short:
            raise BadBlock("the header block is cut short") from short
        if len(decoded) > self._limits.max_fields:
            raise TooLarge(f"more than {self._limits.max_fields} fields")
        return b"".join(
            literal(name, value, never_indexed=isinstance(field, hpack.NeverIndexedHeaderTuple))
            for field in decoded
            for name, value in (field,)
        )
