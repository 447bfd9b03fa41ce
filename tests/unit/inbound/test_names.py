import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound.names import safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\report.pdf", "report.pdf"),
        ("invoice\N{RIGHT-TO-LEFT OVERRIDE}fdp.exe", "invoicefdp.exe"),
        ("日本語.txt", "日本語.txt"),
        ("Ma\N{COMBINING DIAERESIS}rz.pdf", "März.pdf"),
        ("<script>.html", "_script_.html"),
        ("a\r\nb.txt", "ab.txt"),
        (".htaccess", "htaccess"),
        ("CON.txt", "_CON.txt"),
        ("..", "attachment"),
        ("", "attachment"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
    ],
)
def test_a_name_does_no_harm_where_it_is_used(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text())
def test_no_name_has_a_path_or_anything_invisible_or_is_empty(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert len(safe.encode()) <= 400
    assert safe.isprintable()
    assert not safe.startswith(".")
    assert not set(safe) & set("/\\<>:\"|?*'&$;`")
