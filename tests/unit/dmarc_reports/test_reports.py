import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmarc_reports import aggregate, tls
from dmarc_reports.unpack import MOST_BYTES, unpack
from ses_common.envelope import Unusable

RFC_7489 = b"""<?xml version="1.0" encoding="UTF-8"?>
<feedback>
  <report_metadata>
    <org_name>receiver.example</org_name><email>noreply@receiver.example</email><report_id>4711</report_id>
    <date_range><begin>1772409600</begin><end>1772495999</end></date_range>
  </report_metadata>
  <policy_published><domain>Example.com</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp><pct>100</pct></policy_published>
  <record>
    <row><source_ip>192.0.2.1</source_ip><count>12</count>
      <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>
    <identifiers><header_from>example.com</header_from></identifiers>
    <auth_results>
      <dkim><domain>example.com</domain><selector>abc</selector><result>pass</result></dkim>
      <dkim><domain>amazonses.com</domain><result>pass</result></dkim>
      <spf><domain>bounce.example.org</domain><result>pass</result></spf>
    </auth_results>
  </record>
  <record>
    <row><source_ip>2001:db8::7</source_ip><count>3</count>
      <policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>fail</spf>
        <reason><type>forwarded</type></reason></policy_evaluated></row>
    <identifiers><header_from>example.com</header_from></identifiers>
    <auth_results><spf><domain>forwarder.example</domain><result>none</result></spf></auth_results>
  </record>
</feedback>
"""
RFC_9990 = (
    RFC_7489.replace(b"<feedback>", b'<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">')
    .replace(b"<pct>100</pct>", b"<np>reject</np><testing>y</testing><discovery_method>treewalk</discovery_method>")
    .replace(b"<identifiers>", b"<identifiers><envelope_from>bounce.example.org</envelope_from>")
)
TLS = {
    "organization-name": "Company-X",
    "date-range": {"start-datetime": "2026-03-02T00:00:00Z", "end-datetime": "2026-03-02T23:59:59Z"},
    "contact-info": "sts-reporting@company-x.example",
    "report-id": "5065427c",
    "policies": [
        {
            "policy": {"policy-type": "sts", "policy-domain": "Example.com", "mx-host": ["*.mail.example.com"]},
            "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
            "failure-details": [
                {
                    "result-type": "certificate-expired",
                    "sending-mta-ip": "2001:db8:abcd:12::1",
                    "receiving-mx-hostname": "MX1.example.com",
                    "failed-session-count": 100,
                },
                {"result-type": "starttls-not-supported", "failed-session-count": 200},
            ],
        }
    ],
}


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def code(read: Callable[[], object]) -> str:
    with pytest.raises(Unusable) as caught:
        read()
    return caught.value.code


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda content: zipped(report=content)])
def test_a_report_comes_out_of_whatever_it_comes_in(pack: Callable[[bytes], bytes]) -> None:
    assert list(unpack(pack(RFC_7489))) == [RFC_7489]


def test_a_bomb_ends_at_the_limit() -> None:
    bomb = b"\0" * (MOST_BYTES + 1)
    assert code(lambda: list(unpack(gzip.compress(bomb)))) == "TooLarge"
    assert code(lambda: list(unpack(zipped(report=bomb)))) == "TooLarge"
    assert code(lambda: list(unpack(zipped(**{f"f{number}": b"" for number in range(11)})))) == "TooManyFiles"


def test_a_broken_archive_is_told_as_that() -> None:
    assert code(lambda: list(unpack(gzip.compress(RFC_7489)[:-20]))) == "BrokenArchive"
    assert code(lambda: list(unpack(zipped(report=RFC_7489)[:-5]))) == "BrokenArchive"


def test_the_rows_of_an_aggregate_report() -> None:
    direct, forwarded = aggregate.rows(RFC_7489)
    assert direct == {
        "report_id": "4711",
        "reporter": "receiver.example",
        "begins_at": "2026-03-02T00:00:00Z",
        "ends_at": "2026-03-02T23:59:59Z",
        "domain": "example.com",
        "policy": "none",
        "subdomain_policy": "none",
        "nonexistent_policy": "",
        "dkim_alignment": "r",
        "spf_alignment": "r",
        "testing": "",
        "source_ip": "192.0.2.1",
        "messages": 12,
        "disposition": "none",
        "dkim": "pass",
        "spf": "fail",
        "passed": True,
        "override_reasons": [],
        "header_from": "example.com",
        "envelope_from": "",
        "envelope_to": "",
        "dkim_results": [
            {"domain": "example.com", "selector": "abc", "result": "pass"},
            {"domain": "amazonses.com", "selector": "", "result": "pass"},
        ],
        "spf_domain": "bounce.example.org",
        "spf_result": "pass",
    }
    assert (forwarded["passed"], forwarded["messages"], forwarded["override_reasons"]) == (False, 3, ["forwarded"])


def test_a_report_of_rfc_9990_says_more() -> None:
    row = aggregate.rows(RFC_9990)[0]
    assert (row["nonexistent_policy"], row["testing"], row["envelope_from"]) == ("reject", "y", "bounce.example.org")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><feedback>&b;</feedback>', "HasDocumentType"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><feedback/>', "HasDocumentType"),
        (b"<a>" * 100, "NotAReport"),
        (b"<html></html>", "NotAReport"),
        (b"<feedback></feedback>", "NotAReport"),
        (RFC_7489.replace(b"<domain>Example.com</domain>", b"", 1), "NotAReport"),
        (RFC_7489.replace(b"1772409600", b"yesterday"), "NotAReport"),
        (RFC_7489.replace(b"</feedback>", b"<record/>" * 100_001 + b"</feedback>"), "TooManyRows"),
        (RFC_7489[:500], "BrokenXml"),
        (b"", "BrokenXml"),
        (b'<?xml version="1.0" encoding="klingon"?><feedback/>', "BrokenXml"),
    ],
)
def test_what_is_no_report_is_told_by_its_kind(content: bytes, expected: str) -> None:
    assert code(lambda: aggregate.rows(content)) == expected


def test_a_report_with_a_liberty_keeps_its_rows() -> None:
    odd = RFC_7489.replace(b"<count>12</count>", b"<count>-1</count>").replace(
        b"<dkim>pass</dkim>", b"<dkim>PASS </dkim>"
    )
    direct, forwarded = aggregate.rows(odd)
    assert (direct["messages"], direct["dkim"], direct["passed"]) == (0, "pass", True)
    assert forwarded["messages"] == 3


def test_texts_of_strangers_hold_nothing_that_breaks_a_line_or_a_query() -> None:
    document = {**TLS, "organization-name": "Comp\u0000any\n\ud800\u202eX", "report-id": "x" * 5_000}
    row = tls.rows(json.dumps(document).encode())[0]
    assert (row["reporter"], row["report_id"]) == ("CompanyX", "x" * 1_000)


def test_a_number_that_would_break_a_sum_counts_nothing() -> None:
    row = aggregate.rows(RFC_7489.replace(b"<count>12</count>", b"<count>9223372036854775807</count>"))[0]
    assert row["messages"] == 0


def test_a_prefix_of_a_namespace_changes_nothing() -> None:
    prefixed = RFC_7489.replace(b"<feedback>", b'<feedback xmlns:d="urn:ietf:params:xml:ns:dmarc-2.0">')
    for name in (b"record", b"row", b"count"):
        prefixed = prefixed.replace(b"<%s>" % name, b"<d:%s>" % name).replace(b"</%s>" % name, b"</d:%s>" % name)
    assert aggregate.rows(prefixed) == aggregate.rows(RFC_7489)


def test_the_rows_of_a_tls_report_add_up() -> None:
    rows = tls.rows(json.dumps(TLS).encode())
    assert [(row["result"], row["sessions"]) for row in rows] == [
        ("success", 5326),
        ("certificate-expired", 100),
        ("starttls-not-supported", 200),
        ("not-told", 3),
    ]
    assert {row["domain"] for row in rows} == {"example.com"}
    assert rows[1]["receiving_host"] == "mx1.example.com"
    assert rows[0]["begins_at"] == "2026-03-02T00:00:00Z"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*TLS, "policy", "summary"]), inner),
    max_leaves=20,
)


@given(JSON)
def test_any_other_json_is_refused_and_nothing_worse(document: Any) -> None:
    assert code(lambda: tls.rows(json.dumps(document).encode())) == "NotAReport"


@given(st.binary(max_size=200), st.integers(0, 1500))
def test_any_bytes_are_refused_and_nothing_worse(content: bytes, at: int) -> None:
    for broken in (content, RFC_7489[:at] + content + RFC_7489[at:]):
        try:
            for report in unpack(broken):
                aggregate.rows(report)
        except Unusable:
            pass


# Each is small when it comes, or made so that what reads it takes many times its size.
GREEDY = """
import gzip, io, resource, struct, zipfile
from dmarc_reports import aggregate, tls
from dmarc_reports.unpack import unpack
from ses_common.envelope import Unusable

resource.setrlimit(resource.RLIMIT_AS, (640 * 1024**2,) * 2)
packed = io.BytesIO()
with zipfile.ZipFile(packed, "w") as archive:
    archive.writestr("a", b"")
packed = packed.getvalue()
directory, end = packed.index(b"PK\\1\\2"), packed.index(b"PK\\5\\6")
entries = packed[directory:end] * (10 * 1024**2 // (end - directory))
trailer = bytearray(packed[end:])
struct.pack_into("<HHLL", trailer, 8, 65535, 65535, len(entries), directory)
for content in (
    b"<feedback>" + b"<a/>" * 999_999 + b"</feedback>",
    b"<feedback " + b" ".join(b'a%d=""' % number for number in range(1_200_000)) + b"/>",
    b'<feedback xmlns="' + b"u" * 5_000_000 + b'">' + b"<a/>" * 99_999 + b"</feedback>",
    b'{"x": [' + b'{"":0},' * 740_000 + b"0]}",
    packed[:directory] + entries + trailer,
):
    try:
        for report in unpack(gzip.compress(content) if len(content) < 1_000_000 else content):
            (tls if report.startswith(b"{") else aggregate).rows(report)
    except Unusable as unusable:
        print(unusable.code)
"""


def test_a_report_made_to_fill_the_memory_does_not() -> None:
    run = subprocess.run([sys.executable, "-c", GREEDY], capture_output=True, text=True, env={"PYTHONPATH": "lambda"})
    assert run.stdout.split() == [*["NotAReport"] * 4, "TooManyFiles"], run.stderr
