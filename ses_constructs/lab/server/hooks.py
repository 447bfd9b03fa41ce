"""The one place that touches the insides of MiniStack, which is extended from outside its source.

What is relied on is listed in :data:`REQUIRED` and checked at start: a version where something has moved stops the lab
with an error that names it, before anything goes quietly wrong.
"""

from __future__ import annotations

import importlib
import inspect
import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import ModuleType

    Response = tuple[int, dict[str, str], bytes]
    Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Response]]

_PROVISIONERS = "services.cloudformation.provisioners"
# Attribute of a MiniStack module -> the parameters it must take; None for data.
REQUIRED: dict[str, tuple[str, ...] | None] = {
    "app.app": ("scope", "receive", "send"),
    "core.iam_evaluator.EvalContext": (
        "principal_arn",
        "principal_type",
        "principal_account",
        "action",
        "resource_arn",
    ),
    "core.iam_evaluator.evaluate": ("ctx", "policies", "limits"),
    "core.iam_evaluator.evaluate_resource_policy": ("doc", "ctx", "service"),
    "core.iam_evaluator._gather_user_policies": ("user_name", "account_id"),
    "core.responses.AccountRegionScopedDict": None,
    "core.responses.get_account_id": (),
    "core.responses.get_region": (),
    "services.athena._create_named_query": ("data",),
    "services.athena._delete_named_query": ("data",),
    "services.athena._rewrite_data_paths": ("query", "database", "catalog"),
    "services.athena._sql_tokens": ("sql",),
    "services.athena._start_query_execution": ("data",),
    "services.athena._workgroups": None,
    "services.firehose._metadata_extraction_keys": ("cfg", "data"),
    "services.iam._access_keys": None,
    "services.kms._resolve_key": ("key_id_or_arn",),
    "services.route53._lock": None,
    "services.route53._records": None,
    "services.route53._zones": None,
    "services.route53._rs_key": ("rs",),
    "services.ses._configuration_sets": None,
    "services.ses._dkim_tokens": ("domain",),
    "services.ses._error": ("code", "message", "status"),
    "services.ses._identities": None,
    "services.ses._render_template": ("template", "template_data_json"),
    "services.ses._sent_emails_list": (),
    "services.ses._templates": None,
    "services.ses._xml": ("status", "root_tag", "inner"),
    "services.ses.handle_request": ("method", "path", "headers", "body", "query_params"),
    "services.ses_v2._config_sets": None,
    "services.ses_v2._identities": None,
    "services.ses_v2._json_err": ("code", "message", "status"),
    "services.ses_v2._resolve_send_template": ("tpl",),
    "services.ses_v2.handle_request": ("method", "path", "headers", "body", "query_params"),
    "services.sns._topics": None,
    "services.sns.publish_internal": ("topic_arn", "message", "subject"),
    f"{_PROVISIONERS}._RESOURCE_HANDLERS": None,
    f"{_PROVISIONERS}._athena": None,
    f"{_PROVISIONERS}._firehose": None,
    f"{_PROVISIONERS}._delete_predecessor": ("delete_fn",),
    f"{_PROVISIONERS}._r53_record_set_build_rs": ("props",),
    f"{_PROVISIONERS}._r53_resolve_hosted_zone_id": ("props",),
    f"{_PROVISIONERS}._ses_configuration_set_event_destination_create": ("logical_id", "props", "stack_name"),
    f"{_PROVISIONERS}._ses_configuration_set_event_destination_delete": ("physical_id", "props"),
    f"{_PROVISIONERS}._ses_configuration_set_event_destination_update": ("physical_id", "old_props", "new_props"),
    f"{_PROVISIONERS}._ses_email_identity_create": ("logical_id", "props", "stack_name"),
    f"{_PROVISIONERS}._ses_email_identity_delete": ("physical_id", "props"),
    f"{_PROVISIONERS}._ses_email_identity_update": ("physical_id", "old_props", "new_props", "stack_name"),
}


class HookMoved(Exception):
    """The installed MiniStack is not the one that the lab was built for."""


def check(load: Callable[[str], ModuleType] = importlib.import_module) -> None:
    """Check everything in :data:`REQUIRED`.

    :param load: how to load a module by name.
    :raises HookMoved: naming the version and what has moved.
    """
    moved = [name for name, parameters in REQUIRED.items() if not _is_there(name, parameters, load)]
    if moved:
        raise HookMoved(
            f"MiniStack {version('ministack')} does not fit this version of ses-constructs, for these have moved: "
            f"{', '.join(moved)}; install the version that `pip install 'ses-constructs[lab]'` asks for"
        )


def _is_there(name: str, parameters: tuple[str, ...] | None, load: Callable[[str], ModuleType]) -> bool:
    module, _, attribute = f"ministack.{name}".rpartition(".")
    try:
        found = getattr(load(module), attribute)
    except (ImportError, AttributeError):
        return False
    return parameters is None or list(inspect.signature(found).parameters)[: len(parameters)] == list(parameters)


def _as_is(handler: Handler) -> Handler:
    return handler


class Emulator:
    """MiniStack's state and services, as far as SES needs them. Account and region are those of the current request."""

    def __init__(self) -> None:
        check()
        from ministack import app
        from ministack.core import iam_evaluator, responses
        from ministack.services import iam, kms, route53, ses, ses_v2, sns
        from ministack.services.cloudformation import provisioners

        self.app = app.app
        self._evaluator, self._responses = iam_evaluator, responses
        self._iam, self._kms, self._route53, self._sns = iam, kms, route53, sns
        self._ses, self._ses_v2 = ses, ses_v2
        self.provisioners = provisioners

    @property
    def account(self) -> str:
        """The account of the current request."""
        return str(self._responses.get_account_id())

    @property
    def region(self) -> str:
        """The region of the current request."""
        return str(self._responses.get_region())

    # SES

    def extend_api(
        self, *, v1: Callable[[Handler], Handler] = _as_is, v2: Callable[[Handler], Handler] = _as_is
    ) -> None:
        """Put functions around the handlers of the two SES APIs, MiniStack's own or those that are there by now."""
        self._ses.handle_request = v1(self._ses.handle_request)
        self._ses_v2.handle_request = v2(self._ses_v2.handle_request)

    def identity(self, name: str) -> dict[str, Any] | None:
        """Return the record of an identity; domains are found regardless of case."""
        for store in (self._ses_v2._identities, self._ses._identities):
            for known, record in store.items():
                if known == name or ("@" not in known and known.lower() == name.lower()):
                    return {"name": known, **record}
        return None

    def identity_record(self, name: str) -> dict[str, Any]:
        """Return the record of an identity in API v2, to read and to change."""
        known = str((self.identity(name) or {"name": name})["name"])
        if known not in self._ses_v2._identities:  # made by API v1
            self.add_identity(known, tags=[])
        record: dict[str, Any] = self._ses_v2._identities[known]
        return record

    def identity_elsewhere(self, region: str, name: str) -> dict[str, Any] | None:
        """Return the record of an identity in another region of the account."""
        record = self._ses_v2._identities.get_scoped(self.account, region, name)
        return dict(record) if record is not None else None

    def add_identity(self, name: str, *, tags: list[dict[str, str]]) -> None:
        """Add an identity with everything at its defaults."""
        self.provisioners._ses_email_identity_create("", {"EmailIdentity": name, "Tags": tags}, "")

    def remove_identity(self, name: str) -> None:
        """Remove an identity."""
        known = (self.identity(name) or {"name": name})["name"]
        self.provisioners._ses_email_identity_delete(known, {})

    def configuration_set(self, name: str) -> dict[str, Any] | None:
        """Return the record of a configuration set, with its ``EventDestinations``."""
        record = self._ses_v2._config_sets.get(name) or self._ses._configuration_sets.get(name)
        return dict(record) if record is not None else None

    def template(self, name: str) -> dict[str, str] | None:
        """Return the parts of a template."""
        record = self._ses._templates.get(name)
        return dict(record) if record is not None else None

    def resolve_template(self, template: Mapping[str, Any]) -> tuple[dict[str, str] | None, Response | None]:
        """Return the template that a v2 send names or brings, or the response that refuses it."""
        stored, _, refusal = self._ses_v2._resolve_send_template(dict(template))
        return stored, refusal

    def render(self, template: Mapping[str, str], data: str) -> dict[str, str]:
        """Return ``Subject``, ``Text`` and ``Html`` with the data filled in."""
        rendered: dict[str, str] = self._ses._render_template(dict(template), data)
        return rendered

    def count_sent(self, record: Mapping[str, Any]) -> None:
        """Add a message to what the quota and the statistics count."""
        self._ses._sent_emails_list().append(dict(record))

    def dkim_tokens(self, domain: str) -> list[str]:
        """Return the three Easy DKIM tokens of a domain."""
        return list(self._ses._dkim_tokens(domain))

    def v1_answer(self, action: str, result: str) -> Response:
        """Return an answer of API v1, around the XML of its result."""
        answer: Response = self._ses._xml(200, f"{action}Response", f"<{action}Result>{result}</{action}Result>")
        return answer

    def v1_error(self, code: str, message: str) -> Response:
        """Return an error of API v1."""
        answer: Response = self._ses._error(code, message, 400)
        return answer

    def v2_error(self, code: str, message: str, status: int) -> Response:
        """Return an error of API v2."""
        answer: Response = self._ses_v2._json_err(code, message, status)
        return answer

    # What SES publishes to

    def topic(self, arn: str) -> dict[str, Any] | None:
        """Return the attributes of a topic."""
        topic = self._sns._topics.get(arn)
        return dict(topic["attributes"]) if topic is not None else None

    def publish(self, arn: str, message: str, subject: str) -> None:
        """Publish to a topic, as a service would."""
        self._sns.publish_internal(arn, message, subject)

    def key(self, key_id: str) -> dict[str, Any] | None:
        """Return a KMS key, by id, ARN or alias."""
        record = self._kms._resolve_key(key_id)
        return dict(record) if record is not None else None

    def policy_admits_ses(self, policy: str, action: str, resource: str, source_arn: str) -> bool:
        """Whether a resource policy lets SES act on behalf of *source_arn*."""
        context = self._evaluator.EvalContext(
            principal_arn="",
            principal_type="AWSService",
            principal_account=self.account,
            action=action,
            resource_arn=resource,
            region=self.region,
            secure_transport=True,
            service_context={"aws:sourceaccount": self.account, "aws:sourcearn": source_arn},
        )
        decision = self._evaluator.evaluate_resource_policy(policy, context, service="ses.amazonaws.com").decision
        return bool(decision == "Allow")

    # Who calls

    def access_key(self, access_key_id: str) -> tuple[str, str] | None:
        """Return the user and the secret of an active access key."""
        record = self._iam._access_keys.get(access_key_id)
        if record is None or record["Status"] != "Active":
            return None
        return record["UserName"], record["SecretAccessKey"]

    def user_may(self, user: str, action: str, resource: str) -> bool:
        """Whether the policies of an IAM user allow an action."""
        context = self._evaluator.EvalContext(
            principal_arn=f"arn:aws:iam::{self.account}:user/{user}",
            principal_type="User",
            principal_account=self.account,
            action=action,
            resource_arn=resource,
            region=self.region,
        )
        policies = self._evaluator._gather_user_policies(user, self.account)
        return bool(self._evaluator.evaluate(context, policies).decision == "Allow")

    # Route 53

    def change_record_sets(self, zone_id: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
        """Replace the record sets of a zone by what *change* makes of them; all of it or, if it raises, nothing."""
        with self._route53._lock:
            if zone_id not in self._route53._zones:
                raise ValueError(f"No hosted zone found with ID: {zone_id}")
            self._route53._records[zone_id] = change(list(self._route53._records.get(zone_id, [])))

    def record_sets(self) -> list[dict[str, Any]]:
        """Return the record sets of all zones."""
        with self._route53._lock:
            return [record_set for record_sets in self._route53._records.values() for record_set in record_sets]

    def record_key(self, record_set: dict[str, Any]) -> tuple[Any, ...]:
        """Return what tells record sets apart: name, type and set identifier."""
        return tuple(self._route53._rs_key(record_set))

    # CloudFormation

    def register(self, resource_type: str, **handlers: Callable[..., Any]) -> None:
        """Let a resource type be handled by these functions."""
        self.provisioners._RESOURCE_HANDLERS[resource_type] = handlers


def pretty(document: object) -> str:
    """Return a document as SES writes it: JSON without blanks."""
    return json.dumps(document, separators=(",", ":"))
