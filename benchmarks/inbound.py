"""What taking a large mail apart costs, as ratios to the standard library alone, printed as JSON.

python benchmarks/inbound.py [--rounds 5]

A mail of 40 MB with 30 MB of attachments, each attachment decoded, hashed and let go of, against
`email.message_from_bytes` of the same mail, which decodes nothing. Each run is a process of its own; medians of runs in
turn. Memory is the peak of the process (from /proc, so on Linux), less what Python takes with everything imported.
"""

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

LAMBDA = Path(__file__).resolve().parent.parent / "lambda"
_ATTACHMENTS = 6
_ATTACHMENT_BYTES = 5_000_000
_CHUNK = 256 * 1024

_FRAME = """
import email, hashlib, json, re, sys, time
from pathlib import Path
from inbound.mime import take_apart
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before, start = peak(), time.perf_counter()
{work}
print(json.dumps([time.perf_counter() - start, peak() - before]))
"""
_STANDARD = "message = email.message_from_bytes(Path(sys.argv[1]).read_bytes())"
_OURS = f"""
with open(sys.argv[1], "rb") as file:
    mail = take_apart(iter(lambda: file.read({_CHUNK}), b""))
for attachment in mail.attachments:
    hashlib.sha256(attachment.take()).hexdigest()
assert len(mail.attachments) == {_ATTACHMENTS} and mail.text
"""


def large_mail() -> bytes:
    """Return a mail as a scanner sends it: a line of text, and attachments in base64."""
    boundary = "----=_Part_4711_1772439330120"
    parts = [b"Content-Type: text/plain; charset=utf-8\r\n\r\nThe documents are attached.\r\n"]
    for number in range(_ATTACHMENTS):
        content = base64.encodebytes(bytes(range(256)) * (_ATTACHMENT_BYTES // 256)).replace(b"\n", b"\r\n")
        header = (
            f'Content-Type: application/pdf; name="scan{number}.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
            f'Content-Disposition: attachment; filename="scan{number}.pdf"\r\n\r\n'
        )
        parts.append(header.encode() + content)
    header = (
        f'From: scanner@example.com\r\nSubject: Scan\r\nContent-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'
    )
    mark = f"\r\n--{boundary}\r\n".encode()
    return header.encode() + mark + mark.join(parts) + f"\r\n--{boundary}--\r\n".encode()


def measure(work: str, mail: Path) -> tuple[float, int]:
    """Return seconds and kilobytes of one run."""
    environment = {**os.environ, "PYTHONPATH": str(LAMBDA)}
    command = [sys.executable, "-c", _FRAME.format(work=work), str(mail)]
    seconds, kilobytes = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
    return seconds, kilobytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.NamedTemporaryFile(suffix=".eml") as file:
        file.write(large_mail())
        file.flush()
        mail = Path(file.name)
        runs = [(measure(_STANDARD, mail), measure(_OURS, mail)) for _ in range(rounds)]
        size = mail.stat().st_size
    time = statistics.median(ours[0] / standard[0] for standard, ours in runs)
    memory = statistics.median(ours[1] / standard[1] for standard, ours in runs)
    figures = {
        "mail_bytes": size,
        "time_ratio": {"figure": round(time, 2), "target": 1.3},
        "memory_ratio": {"figure": round(memory, 2), "target": 1.5},
        "peak_megabytes": round(statistics.median(ours[1] for _, ours in runs) / 1024),
    }
    json.dump(figures, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
