"""The lab as its users see it."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from ses_constructs.lab import environment as lab_environment
from ses_constructs.lab.errors import LabError, tail
from ses_constructs.lab.observed import LabEvent, LabMessage, LabReceived
from ses_constructs.lab.process import SERVER_LOG, Ready, Server, run_logged
from ses_constructs.lab.toolchain import find_toolchain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    import boto3

    from ses_constructs.lab.assembly import AssemblyDeployer

T = TypeVar("T")

_CLI_TIMEOUT = 600  # seconds for one call of the CDK CLI


class Lab:
    """A local SES with the AWS services around it, from entering the ``with`` block to leaving it.

    It listens on 127.0.0.1 alone, and sends nothing to the outside. Several labs can run side by side.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        region: str = "us-east-1",
        work_dir: Path | str | None = None,
        verify_identities: Literal["at-once", "dns"] = "at-once",
        throttle: bool = False,
    ) -> None:
        """:param port: of the AWS endpoint. Default: a free one.

        :param region: of everything that is deployed.
        :param work_dir: for logs and synthesised apps; it is made, and stays. Default: a temporary folder, which goes.
        :param verify_identities: ``dns``: a domain can send once its DKIM records are in a Route 53 zone of the lab.
            Default: as soon as the identity exists. Addresses can send at once in any case.
        :param throttle: whether SES refuses, as on AWS, more than one call a second to anything but sends. Default:
            everything is taken, which makes tests faster.
        :raises LabError: for another word as verify_identities.
        """
        if verify_identities not in ("at-once", "dns"):
            raise LabError(f"verify_identities must be 'at-once' or 'dns', got {verify_identities!r}")
        self.region = region
        self._verify_identities = verify_identities
        self._throttle = throttle
        self._port = port
        self._kept_work_dir = Path(work_dir).resolve() if work_dir is not None else None
        self._cleanup = contextlib.ExitStack()
        self._ready: Ready | None = None
        self._runs = 0
        self._bootstrapped = False

    def __enter__(self) -> Lab:
        lab_environment.refuse_real_credentials(os.environ)
        with contextlib.ExitStack() as stack:
            self._work_dir = self._kept_work_dir or Path(tempfile.mkdtemp(prefix="ses-lab-"))
            self._work_dir.mkdir(parents=True, exist_ok=True)
            if self._kept_work_dir is None:
                stack.callback(shutil.rmtree, self._work_dir, ignore_errors=True)
            server = Server(
                port=self._port,
                region=self.region,
                verify_identities=self._verify_identities,
                throttle=self._throttle,
                work_dir=self._work_dir,
                environment=lab_environment.server_environment(os.environ, self._work_dir),
            )
            stack.callback(server.stop)
            self._ready = server.wait_until_ready()
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Nothing of what is gone may be remembered, in case the lab is entered again.
        self._ready, self._bootstrapped = None, False
        self.__dict__.pop("_deployer", None)
        self._cleanup.close()

    @property
    def account(self) -> str:
        """The number of the emulated AWS account."""
        return lab_environment.ACCOUNT

    @property
    def endpoint_url(self) -> str:
        """The endpoint of every AWS service."""
        return self._running.endpoint_url

    @property
    def submission(self) -> tuple[str, int]:
        """Host and port of SMTP submission, with STARTTLS and AUTH."""
        return self._running.submission

    @property
    def mx(self) -> tuple[str, int]:
        """Host and port for mail that comes in, with STARTTLS and without AUTH."""
        return self._running.mx

    @property
    def ca_certificate(self) -> Path:
        """The certificate (PEM) that vouches for both SMTP servers, as ``cafile`` of an SSL context."""
        return self._running.ca_certificate

    def environment(self) -> dict[str, str]:
        """Return the variables that point any AWS SDK, the AWS CLI and the CDK CLI to the lab."""
        return lab_environment.aws_environment(self.endpoint_url, self.region, self._work_dir, os.environ)

    def session(self) -> boto3.Session:
        """Return a boto3 session whose clients and resources talk to the lab."""
        from ses_constructs.lab.session import lab_session

        return lab_session(self.endpoint_url, self.region)

    def create_hosted_zone(self, name: str) -> str:
        """Make a public Route 53 hosted zone, and return its id."""
        reference = f"{name}-{time.time_ns()}"
        zone = self.session().client("route53").create_hosted_zone(Name=name, CallerReference=reference)
        return str(zone["HostedZone"]["Id"]).rpartition("/")[2]

    def bootstrap(self) -> None:
        """Run the real ``cdk bootstrap``, once a lab. :meth:`deploy` does it by itself.

        :raises LabError: if it fails.
        """
        if not self._bootstrapped:
            environment = f"aws://{self.account}/{self.region}"
            self._cdk("bootstrap", environment, app=None)
            self._bootstrapped = True

    def deploy(
        self, app: Path | str, *, stacks: Sequence[str] = ("--all",), context: Mapping[str, str] | None = None
    ) -> dict[str, dict[str, str]]:
        """Run the real ``cdk deploy`` of an app.

        :param app: the folder with the app's cdk.json.
        :param stacks: which of its stacks. Default: all.
        :param context: values for ``-c``.
        :returns: the outputs of each stack by name.
        :raises LabError: if the CLI fails; with the end of what it said.
        """
        self.bootstrap()
        outputs = self._work_dir / "outputs.json"
        outputs.unlink(missing_ok=True)
        options = ["--require-approval", "never", "--progress", "events", "--outputs-file", str(outputs)]
        self._cdk("deploy", *stacks, *options, app=Path(app), context=context)
        found: dict[str, dict[str, str]] = json.loads(outputs.read_text()) if outputs.is_file() else {}
        return found

    def destroy(
        self, app: Path | str, *, stacks: Sequence[str] = ("--all",), context: Mapping[str, str] | None = None
    ) -> None:
        """Run the real ``cdk destroy`` of an app. For the parameters see :meth:`deploy`.

        :raises LabError: if the CLI fails.
        """
        self._cdk("destroy", *stacks, "--force", app=Path(app), context=context)

    def deploy_assembly(self, directory: Path | str) -> dict[str, dict[str, str]]:
        """Deploy a synthesised app (a ``cdk.out``) through CloudFormation's API: the same templates, but faster.

        :returns: the outputs of each stack by name.
        :raises LabError: with the resource and the reason, after the stack has rolled back.
        """
        self.bootstrap()
        return self._deployer.deploy(Path(directory))

    def delete_stack(self, name: str) -> None:
        """Delete a stack, if it is there.

        :raises LabError: if a resource cannot be deleted, or the stack is protected.
        """
        self._deployer.delete(name)

    def events(self, since: int = 0) -> list[LabEvent]:
        """Return what SES emitted, in order. :param since: leave out events up to this sequence number."""
        return [LabEvent(**event) for event in self._control(f"events?since={since}")["events"]]

    def messages(self, since: int = 0) -> list[LabMessage]:
        """Return what SES accepted, in order. :param since: leave out messages up to this sequence number."""
        found = self._control(f"messages?since={since}")["messages"]
        return [LabMessage(**{**message, "raw": base64.b64decode(message["raw"])}) for message in found]

    def received(self, since: int = 0) -> list[LabReceived]:
        """Return what came in over :attr:`mx` and what was done with it, in order.

        :param since: leave out messages up to this sequence number.
        """
        return [LabReceived.read(message) for message in self._control(f"received?since={since}")["received"]]

    def visit(
        self, url: str, *, method: Literal["GET", "POST"] = "GET", user_agent: str = "Mozilla/5.0", ip_address: str = ""
    ) -> str | None:
        """Follow a tracking link of a message, load its pixel, or unsubscribe, as a mail program does.

        What is asked is the lab, whatever the host of the link: its path decides, and the host goes along as ``Host``.

        :param url: as it is in the message.
        :param method: ``POST`` for the one-click unsubscription of RFC 8058.
        :param user_agent: for the event; one with ``bot`` in it is taken for a program.
        :param ip_address: for the event. Default: where the call comes from.
        :returns: where the link leads to; None for the pixel and for unsubscribing.
        :raises LabError: if there is no such link.
        """
        parts = urlsplit(url)
        headers = {"Host": parts.netloc, "User-Agent": user_agent}
        if ip_address:
            headers["X-Forwarded-For"] = ip_address
        connection = http.client.HTTPConnection(urlsplit(self.endpoint_url).netloc, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, parts._replace(scheme="", netloc="").geturl(), headers=headers)
            response = connection.getresponse()
            if response.status >= 400:
                raise LabError(f"visiting {url}: {response.status} {response.read().decode(errors='replace')}")
            return response.headers["Location"]

    def emit_delivery_delay(
        self, message_id: str, recipient: str, *, delay_type: str = "General", expires_after: float = 12 * 3600
    ) -> None:
        """Let SES tell that a message cannot be delivered for now.

        :param recipient: one of the message's.
        :param delay_type: as in the documentation of SES, such as ``MailboxFull``.
        :param expires_after: seconds until SES gives up. Default: 12 hours.
        :raises LabError: if there is no such message, recipient or type.
        """
        order = {"delay_type": delay_type, "expires_after": expires_after}
        self._control("delays", {"message_id": message_id, "recipient": recipient, **order})

    def emit_complaint(self, message_id: str, recipient: str) -> None:
        """Let a recipient complain; unlike with the simulator's address, this puts it on the suppression list.

        :raises LabError: if there is no such message or recipient.
        """
        self._control("complaints", {"message_id": message_id, "recipient": recipient})

    def wait_for(self, look: Callable[[], T | None], *, timeout: float, describe: str) -> T:
        """Call *look* until it returns something true, and return that.

        :param timeout: seconds to wait at most.
        :param describe: what is waited for, for the error message.
        :raises LabError: if it does not come.
        """
        deadline = time.monotonic() + timeout
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > deadline:
                raise LabError(f"waited {timeout:g} s in vain for {describe}")
            time.sleep(0.1)

    @property
    def _running(self) -> Ready:
        if self._ready is None:
            raise LabError("the lab does not run: use it inside its `with` block")
        return self._ready

    @cached_property
    def _deployer(self) -> AssemblyDeployer:
        from ses_constructs.lab.assembly import AssemblyDeployer

        return AssemblyDeployer(
            self.session(), account=self.account, region=self.region, endpoint_url=self.endpoint_url
        )

    def _control(self, path: str, order: Mapping[str, Any] | None = None) -> Any:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        data = json.dumps(order).encode() if order is not None else None
        try:
            with direct.open(f"{self.endpoint_url}/_ses_lab/{path}", data, timeout=10) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise LabError(json.load(error)["error"]) from error
        except OSError as error:
            raise LabError(f"the lab does not answer: {error}{tail(self._work_dir / SERVER_LOG)}") from error

    def _cdk(self, command: str, *arguments: str, app: Path | None, context: Mapping[str, str] | None = None) -> None:
        self._runs += 1
        place = app.resolve() if app is not None else self._work_dir
        if app is not None and not (place / "cdk.json").is_file():
            raise LabError(f"there is no CDK app in {place}: it has no cdk.json")
        toolchain = find_toolchain(place, Path.cwd())
        options = ["--no-notices", "--ci", "--output", str(self._work_dir / f"cdk.out.{self._runs}")]
        for name, value in (context or {}).items():
            options += ["--context", f"{name}={value}"]
        environment = {
            **lab_environment.scrubbed(os.environ, self._work_dir),
            **self.environment(),
            "CDK_HOME": str(self._work_dir / "cdk-home"),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "true",
            "JSII_NODE": str(toolchain.node),
            "NO_COLOR": "1",
        }
        environment["PATH"] = os.pathsep.join([str(toolchain.node.parent), environment["PATH"]])
        log = self._work_dir / f"cdk-{self._runs}-{command}.log"
        try:
            status = run_logged(
                toolchain.command(command, *arguments, *options),
                cwd=place,
                environment=environment,
                log=log,
                timeout=_CLI_TIMEOUT,
            )
        except subprocess.TimeoutExpired as error:
            raise LabError(f"cdk {command} took longer than {_CLI_TIMEOUT} s{tail(log)}") from error
        if status != 0:
            raise LabError(f"cdk {command} failed with status {status}{tail(log)}")
