"""QTI 3.0: items with one extended-text interaction, single or in a content package.

Specification: 1EdTech, Question and Test Interoperability 3.0. The text for graders is a
`qti-rubric-block` whose `view` is the scorer's.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from xml.etree.ElementTree import Element

from service.domain import Language, Question
from service.interchange.guidance import (
    Native,
    embedded,
    from_lines,
    restored,
    rubric_in,
    title_of,
)
from service.interchange.items import Imported, bounded, decoded, unreadable
from service.interchange.markup import Flat, Flattener, multilingual
from service.interchange.slugs import is_slug
from service.interchange.xml_text import escaped, local, read_xml

ITEMS = "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"
_PACKAGE = "http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1"
_ITEM_TYPE = "imsqti_item_xmlv3p0"
_CODES = {language: language.value for language in Language}
_MANIFEST = "imsmanifest.xml"
_ZIP = b"PK\x03\x04"
_BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError)
"""What the library raises on a package that is cut off, damaged, or locked with a password."""
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MOST_BYTES = 50 * 2**20
_MOST_FILES = 5_000


def parse(data: bytes) -> list[Imported]:
    """The items of a content package, or the one item that the file is.

    Raises:
        InvalidInput: neither, unsafe XML, or a package that would not fit into memory.
    """
    if data.startswith(_ZIP):
        return bounded([_imported(root) for root in _of_package(data)])
    return [_imported(read_xml(decoded(data)))]


def _of_package(data: bytes) -> Iterator[Element]:
    """The items that the manifest names. Nothing is unpacked to disk, so paths lead nowhere."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            if len(package.infolist()) > _MOST_FILES:
                raise unreadable(f"holds more than {_MOST_FILES} files")
            left = _MOST_BYTES
            manifest, left = _unpacked(package, _MANIFEST, left)
            for resource in read_xml(decoded(manifest)).iter():
                if local(resource) == "resource" and resource.get("type") == _ITEM_TYPE:
                    item, left = _unpacked(package, resource.get("href", ""), left)
                    yield read_xml(decoded(item))
    except _BROKEN as fault:
        raise unreadable(f"cannot be unpacked: {fault}") from fault


def _unpacked(package: zipfile.ZipFile, name: str, left: int) -> tuple[bytes, int]:
    """A file of the package, and how many bytes may still be unpacked after it."""
    try:
        # The size that a package claims is not believed: reading stops at the limit.
        entry = package.getinfo(name)
        if entry.compress_type not in _PACKED:
            raise unreadable("is packed in another way than zip files commonly are")
        with package.open(entry) as file:
            data = file.read(left + 1)
    except KeyError as fault:
        raise unreadable(f"is a package without the file {name!r}") from fault
    if len(data) > left:
        raise unreadable(f"unpacks to more than {_MOST_BYTES} bytes")
    return data, left - len(data)


def _imported(root: Element) -> Imported:
    if root.tag != f"{{{ITEMS}}}qti-assessment-item":
        raise unreadable(
            f"is not a QTI 3.0 item: its root is <{local(root)}>, not <qti-assessment-item> "
            f"of {ITEMS}"
        )
    title = root.get("title", "").strip()
    kinds = [local(each) for each in root.iter() if local(each).endswith("-interaction")]
    if kinds != ["qti-extended-text-interaction"]:
        named = ", ".join(dict.fromkeys(kinds)) or "none"
        return Imported(
            title=title, skipped=f"its interactions are {named}; one extended text is read"
        )
    native, notes = _native(root)
    told = _flat(filter(_is_for_scorers, root.iter()), Flattener())
    rubric = rubric_in(told)
    if rubric is not None:
        return restored(rubric, native, _read_again, notes)
    origin = "rubric block for scorers"
    if not told.lines:
        told = _flat(root.iterfind(f"{{{ITEMS}}}qti-modal-feedback"), Flattener())
        origin = "modal feedback"
    return from_lines(native, told.lines, origin, list(dict.fromkeys((*notes, *told.notes))))


def _native(root: Element) -> tuple[Native, tuple[str, ...]]:
    name = root.get("identifier", "").strip()
    prompt = _flat(root.iterfind(f"{{{ITEMS}}}qti-item-body"), _ItemText())
    native = Native(
        title=root.get("title", "").strip(),
        slug=name if is_slug(name) else None,
        prompt=prompt.plain,
    )
    return native, prompt.notes


def _read_again(question: Question) -> Native:
    return _native(read_xml(_item(question)))[0]


def _is_for_scorers(element: Element) -> bool:
    return local(element) == "qti-rubric-block" and "scorer" in element.get("view", "").split()


class _ItemText(Flattener):
    """The text of an item as its candidate reads it."""

    def walk(self, element: Element) -> None:
        if local(element) == "qti-rubric-block" and "candidate" not in element.get("view", ""):
            return
        super().walk(element)


def _flat(elements: Iterable[Element], flattener: Flattener) -> Flat:
    for element in elements:
        flattener.walk(element)
        flattener.end_line()
    return flattener.result()


def write(questions: Sequence[Question]) -> bytes:
    """The questions as a content package."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        _put(package, _MANIFEST, _manifest(questions))
        for question in questions:
            _put(package, _path(question), _item(question))
    return packed.getvalue()


def _put(package: zipfile.ZipFile, name: str, text: str) -> None:
    # Without the time of day, the same questions make the same bytes.
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    package.writestr(entry, text.encode())


def _path(question: Question) -> str:
    return f"items/{question.slug}.xml"


def _manifest(questions: Sequence[Question]) -> str:
    resources = "".join(
        f'    <resource identifier="item-{escaped(each.slug)}" type="{_ITEM_TYPE}" '
        f'href="{escaped(_path(each))}">\n'
        f'      <file href="{escaped(_path(each))}"/>\n'
        "    </resource>\n"
        for each in questions
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<manifest xmlns="{_PACKAGE}" identifier="pointmark">\n'
        "  <metadata><schema>QTI Package</schema><schemaversion>3.0.0</schemaversion></metadata>\n"
        "  <organizations/>\n"
        f"  <resources>\n{resources}  </resources>\n"
        "</manifest>\n"
    )


def _item(question: Question) -> str:
    title = escaped(title_of(question))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<qti-assessment-item xmlns="{ITEMS}" identifier="{escaped(question.slug)}" '
        f'title="{title}" adaptive="false" time-dependent="false">\n'
        '  <qti-response-declaration identifier="RESPONSE" cardinality="single" '
        'base-type="string"/>\n'
        '  <qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float" '
        'normal-minimum="0" normal-maximum="100"/>\n'
        "  <qti-item-body>\n"
        '    <qti-rubric-block view="scorer" use="scoring"><qti-content-body>'
        f"<pre>{escaped(embedded(question))}</pre></qti-content-body></qti-rubric-block>\n"
        f"    {multilingual(question.prompt, 'div', 'xml:lang', _CODES)}\n"
        '    <qti-extended-text-interaction response-identifier="RESPONSE" '
        'expected-lines="15" format="plain"/>\n'
        "  </qti-item-body>\n"
        "</qti-assessment-item>\n"
    )
