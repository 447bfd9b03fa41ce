"""Runs the lab's server: ``python -m ses_constructs.lab.server --port N --submission-port M --work-dir D --region R``.

Says one line of JSON on standard output when it is up, or when it cannot be, and ends with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ses_constructs.lab.server.hooks import Emulator


def main() -> int:
    """Run until standard input ends or a signal comes."""
    parser = argparse.ArgumentParser(prog="ses_constructs.lab.server")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--submission-port", type=int, required=True)
    parser.add_argument("--mx-port", type=int, required=True)
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--throttle", action="store_true")
    parser.add_argument("--verify-identities", choices=("at-once", "dns"), default="at-once")
    options = parser.parse_args()
    # MiniStack reads its settings from the environment while it is imported, so that comes first.
    os.environ.update(_settings(options.port, options.region, options.work_dir))

    from ses_constructs.lab.server.hooks import Emulator
    from ses_constructs.lab.server.required import HookMoved

    try:
        emulator = Emulator()
    except HookMoved as moved:
        _say({"error": str(moved)})
        return 1
    try:
        asyncio.run(_serve(emulator, options))
    except OSError as error:
        _say({"error": f"a port cannot be used: {error}"})
        return 1
    # The workers of Lambda functions are in this process group, and some outlive their parent's end of work.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(os.getpgrp(), signal.SIGTERM)
    return 0


def _settings(port: int, region: str, work_dir: Path) -> dict[str, str]:
    return {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",  # the default is every interface
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": region,
        "MINISTACK_ACCOUNT_ID": "000000000000",
        "S3_DATA_DIR": str(work_dir / "s3"),
        "STATE_DIR": str(work_dir / "state"),
        "PERSIST_STATE": "0",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{work_dir}/no-docker.sock",
        "LAMBDA_EXECUTOR": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


async def _serve(emulator: Emulator, options: argparse.Namespace) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    from ses_constructs.lab.server.control import Control
    from ses_constructs.lab.server.mx import MailExchanger
    from ses_constructs.lab.server.services import start_ses
    from ses_constructs.lab.server.smtp import Submitter
    from ses_constructs.lab.server.visits import Visits

    endpoint_url = f"http://127.0.0.1:{options.port}"
    engine, receiver = start_ses(
        emulator, endpoint_url=endpoint_url, by_dns=options.verify_identities == "dns", throttle=options.throttle
    )
    submitter = Submitter(emulator, engine, port=options.submission_port, work_dir=options.work_dir)
    exchanger = MailExchanger(receiver, port=options.mx_port, tls_context=submitter.tls_context)
    submitter.start()
    exchanger.start()

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    threading.Thread(target=_until_input_ends, args=(loop, stop), daemon=True).start()

    config = Config()
    config.bind = [f"127.0.0.1:{options.port}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    config.graceful_timeout = 1
    ready = {
        "ready": True,
        "endpoint_url": endpoint_url,
        "submission": ["127.0.0.1", options.submission_port],
        "mx": ["127.0.0.1", options.mx_port],
        "ca_certificate": str(submitter.ca_certificate),
        "ministack": _version(),
    }
    application: Any = Control(engine).around(Visits(engine).around(emulator.app))
    announced = asyncio.create_task(_say_when_up(options.port, ready))
    try:
        await serve(application, config, shutdown_trigger=stop.wait)
    finally:
        announced.cancel()
        submitter.stop()
        exchanger.stop()
        engine.close()


async def _say_when_up(port: int, ready: dict[str, Any]) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            _say(ready)
            return


def _until_input_ends(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # The parent holds the other end open for as long as it lives, and however it dies, this read then ends.
    sys.stdin.buffer.read()
    loop.call_soon_threadsafe(stop.set)


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(message)}\n")
    sys.stdout.flush()


def _version() -> str:
    from importlib.metadata import version

    return version("ministack")


if __name__ == "__main__":
    sys.exit(main())
