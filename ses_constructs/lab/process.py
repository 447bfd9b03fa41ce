"""The lab's child process: the emulator with its SES, from start to end."""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ses_constructs.lab.errors import LabError, tail

_START_TIMEOUT = 60  # seconds; a second as a rule, more where nothing is compiled yet
_STOP_TIMEOUT = 5  # seconds

SERVER_LOG = "server.log"


@dataclass(frozen=True, slots=True)
class Ready:
    """What the server says when it is up."""

    endpoint_url: str
    submission: tuple[str, int]
    mx: tuple[str, int]
    ca_certificate: Path


class Server:
    """The child process. It ends with its standard input, so it never outlives this process, whatever happens."""

    def __init__(
        self,
        *,
        port: int | None,
        region: str,
        verify_identities: str,
        throttle: bool,
        work_dir: Path,
        environment: Mapping[str, str],
    ) -> None:
        """:param port: of the emulator. None: a free one.

        :param verify_identities: ``at-once`` or ``dns``.
        :param throttle: whether SES takes one call a second, sends apart.
        """
        self._log = work_dir / SERVER_LOG
        gateway, submission, mx = _free_ports(3)
        if port is not None:
            gateway = _checked_port(port)
        command = [
            *(sys.executable, "-m", "ses_constructs.lab.server"),
            *("--port", str(gateway), "--submission-port", str(submission), "--mx-port", str(mx)),
            *("--work-dir", str(work_dir), "--region", region),
            *("--verify-identities", verify_identities),
            *(["--throttle"] if throttle else []),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                cwd=work_dir,
                start_new_session=True,
            )

    def wait_until_ready(self) -> Ready:
        """Wait for the server's one line.

        :raises LabError: if it says an error, ends, or says nothing in time.
        """
        said = self._first_line()
        if not said.endswith(b"\n"):
            status = self._process.poll()
            how = f"ended with status {status}" if status is not None else f"was silent for {_START_TIMEOUT} s"
            raise LabError(f"the lab did not start: its server {how}{tail(self._log)}")
        answer = json.loads(said)
        if "error" in answer:
            raise LabError(f"the lab did not start: {answer['error']}")
        (host, port), (mx_host, mx_port) = answer["submission"], answer["mx"]
        return Ready(answer["endpoint_url"], (host, port), (mx_host, mx_port), Path(answer["ca_certificate"]))

    def stop(self) -> None:
        """End the server and everything it started."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_TIMEOUT)
        # The session of the server: what it started and left behind, like a function's worker, goes with it.
        _end_group(self._process)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _first_line(self) -> bytes:
        assert self._process.stdout is not None
        said = b""
        deadline = time.monotonic() + _START_TIMEOUT
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not said.endswith(b"\n") and selector.select(max(0, deadline - time.monotonic())):
                chunk = os.read(self._process.stdout.fileno(), 65536)
                if not chunk:
                    self._process.wait()
                    break
                said += chunk
        return said


def run_logged(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str], log: Path, timeout: float) -> int:
    """Run a program to its end, with its output in *log*, and return its exit status.

    Whatever ends the wait early, a time-out or Ctrl-C, ends the program too, with all that it started.

    :raises subprocess.TimeoutExpired: after *timeout* seconds.
    """
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            return process.wait(timeout)
        except BaseException:
            _end_group(process)
            raise


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _checked_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LabError(
                f"the lab did not start: port {port} cannot be used ({error.strerror}); choose another"
            ) from error
    return port
