"""Reports, mutated before and after they are packed."""

import gzip
import io
import zipfile
from collections.abc import Callable
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from dmarc_reports import aggregate, tls
from dmarc_reports.unpack import unpack
from ses_common.envelope import Unusable
from tests.fuzz.mutations import mutated
from tests.unit.dmarc_reports.samples import Record, aggregate_report, tls_report

AGGREGATE = [
    aggregate_report("2026-03-02", Record("192.0.2.1", 3, dkim="pass", signed_by={"example.com": "pass"})),
    aggregate_report("2026-03-02", Record("2001:db8::1", 1), namespace="urn:ietf:params:xml:ns:dmarc-2.0"),
]
TLS = [tls_report("2026-03-02", 10, {"certificate-expired": 2})]
XML = [
    *(b'<!DOCTYPE a [<!ENTITY a "a">]>', b"&a;", b"&#0;", b"<record>", b"</record>", b"<count>-1</count>", b"<a " * 99),
    *(b"<count>99999999999999999999</count>", b"]]>", b"<![CDATA[", b"<?xml version='1.0' encoding='utf-16'?>", b"\0"),
]
JSON = [b"{", b"}", b"[", b"]", b'"policies"', b"null", b"1e999", b"NaN", b"-1", b'"\\ud800"', b",", b":", b"9" * 5000]


def _zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.xml", content)
    return packed.getvalue()


PACKINGS: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, _zipped]


def _read(content: bytes) -> None:
    for report in unpack(content):
        rows = (tls if report.startswith(b"{") else aggregate).rows(report)
        assert rows
        assert all(isinstance(row["report_id"], str) and len(row["begins_at"]) >= 10 for row in rows)


@given(st.one_of(mutated(AGGREGATE, XML), mutated(TLS, JSON)), st.sampled_from(PACKINGS))
def test_a_report_gives_rows_or_is_refused_with_a_reason(content: bytes, pack: Callable[[bytes], bytes]) -> None:
    with suppress(Unusable):
        _read(pack(content))


@given(
    mutated(
        [_zipped(AGGREGATE[0]), gzip.compress(AGGREGATE[0])], [b"PK\x01\x02", b"PK\x05\x06", b"\x1f\x8b", b"\xff" * 8]
    )
)
def test_a_broken_archive_gives_rows_or_is_refused_with_a_reason(content: bytes) -> None:
    with suppress(Unusable):
        _read(content)
