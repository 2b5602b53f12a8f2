"""Documents made for tests: PDF, DOCX, PPTX and EPUB, of known words in known places."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw, ImageFont

__all__ = [
    "CONTENT_TYPES",
    "assembled",
    "docx",
    "epub",
    "nested_forms",
    "pdf",
    "pptx",
    "relations",
    "scan",
    "stream",
    "zipped",
]

_PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
FONT, FIRST_PAGE = 3, 5
"""Numbers of objects in what ``pdf`` writes."""


def assembled(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of these objects, numbered from 1, of which the first is the catalog."""
    data = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    data += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return bytes(data)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """A stream object."""
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def pdf(
    *pages: str | Image.Image,
    size: tuple[float, float] = (400, 500),
    info: Mapping[str, str] | None = None,
    rotate: int = 0,
    user: bytes | None = None,
) -> bytes:
    """A page each: lines of Latin letters, 20 points apart, the first at (40, height - 60); or a picture that fills it.

    An empty text is a blank page. ``user``: encrypt it (RC4, 40 bits, the standard handler) under that password.
    """
    first = FIRST_PAGE
    kids = b" ".join(b"%d 0 R" % (first + 3 * at) for at in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< %s >>" % b" ".join(b"/%s (%s)" % (key.encode(), _literal(value)) for key, value in (info or {}).items()),
    ]
    key = _key(user) if user is not None else b""
    if key:
        objects[3] = b"<< >>"
    for at, page in enumerate(pages):
        number = first + 3 * at
        box = b"[0 0 %f %f]" % size
        inside = b"/Font << /A %d 0 R >> /XObject << /I %d 0 R >>" % (FONT, number + 2)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox %s /Rotate %d /Contents %d 0 R /Resources << %s >> >>"
            % (box, rotate, number + 1, inside)
        )
        if isinstance(page, str):
            objects += [stream(_encrypted(key, number + 1, _lines(page, size[1]))), b"null"]
        else:
            objects.append(stream(_encrypted(key, number + 1, b"q %f 0 0 %f 0 0 cm /I Do Q" % size)))
            objects.append(_picture(page, key, number + 2))
    trailer = b"/Info 4 0 R"
    if key:
        objects.append(
            b"<< /Filter /Standard /V 1 /R 2 /Length 40 /P -4 /O <%s> /U <%s> >>"
            % (_OWNER.hex().encode(), _rc4(key, _PADDING).hex().encode())
        )
        trailer += b" /Encrypt %d 0 R /ID [<00> <00>]" % len(objects)
    return assembled(objects, trailer)


def _lines(text: str, height: float) -> bytes:
    if not text:
        return b""
    shown = b" 0 -20 Td ".join(b"(%s) Tj" % _literal(line) for line in text.split("\n"))
    return b"BT /A 14 Tf 40 %f Td %s ET" % (height - 60, shown)


def _literal(text: str) -> bytes:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").encode("cp1252")


def _picture(picture: Image.Image, key: bytes, number: int) -> bytes:
    grey = picture.convert("L")
    entries = (
        b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8" % grey.size
    )
    return stream(_encrypted(key, number, zlib.compress(grey.tobytes())), entries + b" /Filter /FlateDecode")


_OWNER = bytes(range(32))


def _key(password: bytes) -> bytes:
    """Algorithm 2 of ISO 32000-1 for revision 2."""
    padded = (password + _PADDING)[:32]
    return hashlib.md5(
        padded + _OWNER + (-4 & 0xFFFFFFFF).to_bytes(4, "little") + b"\0", usedforsecurity=False
    ).digest()[:5]


def _encrypted(key: bytes, number: int, data: bytes) -> bytes:
    if not key:
        return data
    own = hashlib.md5(key + number.to_bytes(3, "little") + bytes(2), usedforsecurity=False).digest()[: len(key) + 5]
    return _rc4(own, data)


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    out = bytearray()
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def nested_forms(depth: int, fan: int) -> bytes:
    """A page whose drawing holds one that holds one …, each ``fan`` times: ``fan ** depth`` texts in two kilobytes."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R /Resources 6 0 R >>",
        stream(b"/F Do"),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /XObject << /F 7 0 R >> >>",
    ]
    form = b"/Subtype /Form /BBox [0 0 200 200] /Resources << /Font << /A 5 0 R >> /XObject << /F %d 0 R >> >>"
    for level in range(1, depth + 1):
        drawn = b"BT /A 12 Tf 20 20 Td (again) Tj ET" if level == depth else b"/F Do " * fan
        objects.append(stream(drawn, form % (7 + level)))
    return assembled(objects)


def scan(text: str, size: tuple[int, int] = (1000, 1250), letters: int = 26) -> Image.Image:
    """A picture of lines of text, as a scanner would make it."""
    picture = Image.new("L", size, 245)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(letters)
    for number, line in enumerate(text.split("\n")):
        draw.text((80, 80 + number * letters * 1.6), line, fill=20, font=font)
    return picture


def zipped(members: Mapping[str, str | bytes], *, stored: Sequence[str] = ()) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6))
            info.compress_type = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return buffer.getvalue()


CONTENT_TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORDS = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_DRAWN = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'


def relations(**targets: tuple[str, str]) -> str:
    """A listing of what a member refers to: id = (kind, target)."""
    rows = "".join(
        f'<Relationship Id="{key}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{rows}</Relationships>'


def docx(
    *paragraphs: str, body: str = "", title: str = "", prologue: str = "", more: Mapping[str, str | bytes] | None = None
) -> bytes:
    """Paragraphs, then ``body`` as it is; ``prologue`` before all of the XML; ``more`` members."""
    tabs = "<w:pPr><w:tabs><w:tab/></w:tabs></w:pPr>"
    said = "".join(f"<w:p>{tabs}<w:r><w:t>{escape(text)}</w:t></w:r></w:p>" for text in paragraphs)
    core = (
        '<cp:coreProperties xmlns:cp="cp" xmlns:dc="dc" xmlns:dcterms="dcterms">'
        f"<dc:title>{escape(title)}</dc:title><dc:creator>A. Writer</dc:creator>"
        "<dcterms:created>2024-05-06T07:08:09Z</dcterms:created></cp:coreProperties>"
    )
    members: dict[str, str | bytes] = {
        "[Content_Types].xml": CONTENT_TYPES,
        "_rels/.rels": relations(r1=("officeDocument", "word/document.xml")),
        "word/document.xml": f"{prologue}<w:document {_WORDS}><w:body>{said}{body}</w:body></w:document>",
        "docProps/core.xml": core,
    }
    return zipped({**members, **(more or {})})


def pptx(*slides: tuple[str, str]) -> bytes:
    """A slide each: (its text, its notes). In the files they are numbered backwards."""
    count = len(slides)
    order = "".join(f'<p:sldId id="{256 + at}" r:id="s{at}"/>' for at in range(count))
    listed = {f"s{at}": ("slide", f"slides/slide{count - at}.xml") for at in range(count)}
    members = {
        "[Content_Types].xml": CONTENT_TYPES,
        "_rels/.rels": relations(r1=("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": (
            f'<p:presentation xmlns:p="p" xmlns:r="{_RELATIONS}"><p:sldIdLst>{order}</p:sldIdLst></p:presentation>'
        ),
        "ppt/_rels/presentation.xml.rels": relations(**listed),
    }
    for at, (text, notes) in enumerate(slides):
        name = f"slide{count - at}.xml"
        members[f"ppt/slides/{name}"] = _slide(text)
        if notes:
            members[f"ppt/slides/_rels/{name}.rels"] = relations(n=("notesSlide", f"../notesSlides/{name}"))
            members[f"ppt/notesSlides/{name}"] = _slide(notes)
    return zipped(members)


def _slide(text: str) -> str:
    said = "".join(f"<a:p><a:r><a:t>{escape(line)}</a:t></a:r></a:p>" for line in text.split("\n"))
    number = '<a:p><a:fld type="slidenum"><a:t>99</a:t></a:fld></a:p>'
    shape = f"<p:sp><p:txBody>{said}{number}</p:txBody></p:sp>"
    return f'<p:sld xmlns:p="p" {_DRAWN}><p:cSld><p:spTree>{shape}</p:spTree></p:cSld></p:sld>'


def epub(*chapters: str, title: str = "A Book", locked: bool = False) -> bytes:
    """Chapters of HTML in this order; in the files they are numbered backwards."""
    count = len(chapters)
    items = "".join(
        f'<item id="c{at}" href="text/ch%20{count - at}.xhtml" media-type="application/xhtml+xml"/>'
        for at in range(count)
    )
    spine = "".join(f'<itemref idref="c{at}"/>' for at in range(count))
    facts = f"<dc:title>{escape(title)}</dc:title><dc:creator>Jane Doe</dc:creator><dc:date>1897</dc:date>"
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfile full-path="OEBPS/book.opf"/></container>',
        "OEBPS/book.opf": (
            f'<package xmlns:dc="dc"><metadata>{facts}</metadata>'
            f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
        ),
    }
    for at, chapter in enumerate(chapters):
        page = f"<html><head><title>{title}</title></head><body>{chapter}</body></html>"
        members[f"OEBPS/text/ch {count - at}.xhtml"] = page
    if locked:
        rows = "".join(f'<CipherReference URI="OEBPS/text/ch%20{at}.xhtml"/>' for at in range(1, count + 1))
        members["META-INF/encryption.xml"] = f"<encryption>{rows}</encryption>"
    return zipped(members, stored=["mimetype"])
