"""What a client may and may not say in a header block, RFC 7541: before and after it has no dynamic table."""

from mesh.http2 import frames as f
from tests.mesh.http2.hpack_judge import string
from tests.mesh.http2.rfc.case import REQUEST, Answered, Case, Ended, Goaway, request

COMPRESSION = Goaway((f.COMPRESSION_ERROR,))
NAME, VALUE = b"user-agent", b"h2spec"
INDEX = 58  # of user-agent in the static table


def plain(text: bytes) -> bytes:
    return string(text, False)


def coded(text: bytes) -> bytes:
    return string(text, True)


INCREMENTAL, WITHOUT, NEVER = bytes((0x40 | INDEX,)), bytes((0x0F, INDEX - 15)), bytes((0x1F, INDEX - 15))


def field(representation: bytes) -> bytes:
    """A call with one more field."""
    return request(block=REQUEST + representation)


GOOD = (
    Case("H6.1", "an indexed field", (request(block=b"\x83\x86\x84"),), Answered(), "generic/5/1"),
    Case("H6.2.1", "incremental indexing, indexed name", (field(INCREMENTAL + plain(VALUE)),), Answered(),
         "generic/5/2"),
    Case("H6.2.1", "incremental indexing, indexed name, Huffman", (field(INCREMENTAL + coded(VALUE)),), Answered(),
         "generic/5/3"),
    Case("H6.2.1", "incremental indexing, new name", (field(b"\x40" + plain(b"x-test") + plain(VALUE)),),
         Answered(), "generic/5/4"),
    Case("H6.2.1", "incremental indexing, new name, Huffman", (field(b"\x40" + coded(b"x-test") + coded(VALUE)),),
         Answered(), "generic/5/5"),
    Case("H6.2.2", "without indexing, indexed name", (field(WITHOUT + plain(VALUE)),), Answered(), "generic/5/6"),
    Case("H6.2.2", "without indexing, indexed name, Huffman", (field(WITHOUT + coded(VALUE)),), Answered(),
         "generic/5/7"),
    Case("H6.2.2", "without indexing, new name", (field(b"\0" + plain(b"x-test") + plain(VALUE)),), Answered(),
         "generic/5/8"),
    Case("H6.2.2", "without indexing, new name, Huffman", (field(b"\0" + coded(b"x-test") + coded(VALUE)),),
         Answered(), "generic/5/9"),
    Case("H6.2.3", "never indexed, indexed name", (field(NEVER + plain(VALUE)),), Answered(), "generic/5/10"),
    Case("H6.2.3", "never indexed, indexed name, Huffman", (field(NEVER + coded(VALUE)),), Answered(),
         "generic/5/11"),
    Case("H6.2.3", "never indexed, new name", (field(b"\x10" + plain(b"x-test") + plain(VALUE)),), Answered(),
         "generic/5/12"),
    Case("H6.2.3", "never indexed, new name, Huffman", (field(b"\x10" + coded(b"x-test") + coded(VALUE)),),
         Answered(), "generic/5/13"),
    Case("H6.3", "a table size update", (request(block=b"\x20" + REQUEST),), Answered(), "generic/5/14"),
    Case("H6.3", "two table size updates", (request(block=b"\x20\x20" + REQUEST),), Answered(), "generic/5/15"),
    Case("H5.1", "an integer with needless bytes", (field(b"\0\x7f\x80\x80\0" + b"n" * 127 + plain(VALUE)),),
         Answered()),
    Case("H5.2", "empty strings", (field(b"\0" + plain(b"x-empty") + b"\0"),), Answered()),
    Case("H5.2", "an empty string as Huffman code", (field(b"\0" + plain(b"x-empty") + b"\x80"),), Answered()),
)  # fmt: skip

# The literals for what h2spec and RFC 7541 forbid: (name, representation, h2spec's number)
BAD = (
    ("H2.3.3", "an index above the static table", b"\xc6", "hpack/2.3.3/1"),
    ("H2.3.3", "a name's index above the static table", b"\x40\x7f\x07" + plain(VALUE), "hpack/2.3.3/2"),
    ("H4.2", "a table size update at the end", b"\x20", "hpack/4.2/1"),
    ("H5.2", "Huffman padding above 7 bits", b"\0" + plain(b"x-test") + b"\x87\x9c\xb4\x50\x75\x3c\x1e\xca\xff"[:8],
     "hpack/5.2/1"),
    ("H5.2", "Huffman padding of zeros", b"\0" + plain(b"x-test") + b"\x83\x9c\xb4\x50"[:4], "hpack/5.2/2"),
    ("H5.2", "Huffman code with EOS", b"\0" + plain(b"x-test") + b"\x84\xff\xff\xff\xff", "hpack/5.2/3"),
    ("H6.1", "index 0", b"\x80", "hpack/6.1/1"),
    ("H6.3", "a table larger than we allow", b"", "hpack/6.3/1"),
    ("H5.1", "an integer above every length", b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f", ""),
    ("H5.1", "an integer that does not end", b"\xff\xff", ""),
    ("H5.2", "a string that is cut short", b"\0\x05abc", ""),
    ("H5.2", "a string longer than any block", b"\0\x01a\x7f\xff\xff\x7f", ""),
)  # fmt: skip


def refused(section: str, says: str, representation: bytes, h2spec: str) -> Case:
    block = REQUEST + representation if representation else b"\x3f\xff\x1f" + REQUEST  # an update to 4 126
    return Case(section, says, (request(block=block),), COMPRESSION, h2spec)


def early(section: str, says: str, representation: bytes) -> Case:
    """The same before the peer has acknowledged our table size: it may still use 4 096 bytes."""
    block = REQUEST + representation if representation else b"\x3f\xe2\x1f" + REQUEST  # an update to 4 097
    words = f.PREFACE + f.settings({}) + request(block=block)
    return Case(section, f"{says}, before its acknowledgement", (words,), COMPRESSION, greets=False)


USES_TABLE = request(1, block=REQUEST + b"\x40" + plain(b"x-test") + plain(VALUE)) + request(
    3, block=REQUEST + b"\xbe"
)

TABLES = (
    Case("6.5.3", "a dynamic table before its acknowledgement", (f.PREFACE + f.settings({}) + USES_TABLE, Ended()),
         Answered(3), greets=False),
    Case("6.5.3", "a dynamic table after its acknowledgement", (USES_TABLE,), COMPRESSION),
    Case("6.5.3", "a dynamic table across its acknowledgement",
         (f.PREFACE + f.settings({}) + USES_TABLE, Ended(3), f.SETTINGS_ACK + request(5, block=REQUEST + b"\xbe")),
         COMPRESSION, greets=False),
    Case("H4.2", "a table that grows after its acknowledgement", (request(block=b"\x21" + REQUEST),), COMPRESSION),
)  # fmt: skip

CASES = (
    GOOD
    + tuple(refused(*each) for each in BAD)
    + tuple(early(section, says, representation) for section, says, representation, _ in BAD)
    + TABLES
)
