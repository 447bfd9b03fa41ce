"""What touches the insides of MiniStack, which is extended from outside its source; :mod:`hooks_targets` is the rest.

What is relied on is listed in :mod:`required` and checked at start.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from ses_constructs.lab.server import required
from ses_constructs.lab.server.errors import SesError
from ses_constructs.lab.server.hooks_targets import Targets
from ses_constructs.lab.server.streams import stream_partiql

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    Response = tuple[int, dict[str, str], bytes]
    Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Response]]


def _as_is(handler: Handler) -> Handler:
    return handler


class Emulator:
    """MiniStack's state and services, as far as SES needs them. Account and region are those of the current request."""

    def __init__(self) -> None:
        required.check()
        from ministack import app
        from ministack.core import iam_evaluator, responses
        from ministack.services import (
            cloudformation,
            cloudwatch,
            dynamodb,
            eventbridge,
            firehose,
            iam,
            kms,
            route53,
            ses,
            ses_v2,
            sns,
        )
        from ministack.services.cloudformation import handlers, provisioners

        stream_partiql(dynamodb)
        self.app = app.app
        self._evaluator, self._responses = iam_evaluator, responses
        self._iam, self._kms, self._route53, self._sns = iam, kms, route53, sns
        self._ses, self._ses_v2 = ses, ses_v2
        self._cloudformation, self._dynamodb = cloudformation, dynamodb
        self._cloudwatch, self._eventbridge, self._firehose = cloudwatch, eventbridge, firehose
        self._actions = handlers._ACTION_HANDLERS
        self.provisioners = provisioners
        self.targets = Targets()

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
        record = self._ses_v2._config_sets.get(name)
        return dict(record) if record is not None else None

    def configuration_set_names(self) -> list[str]:
        """Return the names of all configuration sets."""
        return list(self._ses_v2._config_sets)

    def add_configuration_set(self, name: str) -> None:
        """Add a configuration set with everything at its defaults."""
        self._ses_v2._create_config_set(name, {})

    def remove_configuration_set(self, name: str) -> None:
        """Remove a configuration set, with its destinations."""
        self._ses_v2._config_sets.pop(name, None)

    def set_option(self, name: str, option: str, value: Mapping[str, Any]) -> None:
        """Change one of the options of a configuration set, such as ``SendingOptions``."""
        self._ses_v2._put_config_set_option(self._ses_v2._config_sets[name], option, dict(value))

    def check_event_destination(self, definition: Mapping[str, Any]) -> None:
        """Refuse an event destination of API v2 whose form is wrong."""
        _, refusal = self._ses_v2._event_destination(dict(definition))
        if refusal is not None:
            raise _error(refusal)

    def event_destination(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return an event destination of CloudFormation or API v1 as API v2 writes it."""
        definition: dict[str, Any] = self.provisioners._ses_event_destination_definition(dict(properties))
        return definition

    def put_event_destination(
        self, configuration_set: str, name: str, definition: Mapping[str, Any], *, create: bool
    ) -> None:
        """Make or change an event destination, or refuse it as SES does."""
        refusal = self._ses_v2._put_event_destination(configuration_set, name, dict(definition), create=create)
        if refusal is not None:
            raise _error(refusal, {"AlreadyExistsException": "EventDestinationAlreadyExists"})

    def remove_event_destination(self, configuration_set: str, name: str) -> bool:
        """Remove an event destination; False if there is none."""
        destinations = self._ses_v2._config_sets[configuration_set].get("EventDestinations") or {}
        return destinations.pop(name, None) is not None

    def ses_arn(self, kind: str, name: str) -> str:
        """Return the ARN of an identity, a configuration set, ..."""
        return f"arn:aws:ses:{self.region}:{self.account}:{kind}/{name}"

    def template(self, name: str) -> dict[str, str] | None:
        """Return the parts of a template."""
        record = self._ses._templates.get(name)
        return dict(record) if record is not None else None

    def put_template(self, name: str, parts: Mapping[str, str]) -> None:
        """Make or change a template; *parts* are ``SubjectPart``, ``HtmlPart`` and ``TextPart``."""
        before = self._ses._templates.get(name) or {"CreatedTimestamp": self._ses._iso_now(), "Tags": []}
        self._ses._templates[name] = {**before, "TemplateName": name, **parts}

    def remove_template(self, name: str) -> None:
        """Remove a template."""
        self._ses._templates.pop(name, None)

    def resolve_template(self, template: Mapping[str, Any]) -> tuple[dict[str, str], str]:
        """Return the parts of the template that a v2 send names or brings, and its name (empty if brought)."""
        stored, name, refusal = self._ses_v2._resolve_send_template(dict(template))
        if refusal is not None:
            raise _error(refusal, {"NotFoundException": "TemplateDoesNotExist"})
        return dict(stored), str(name)

    def has_tenant(self, name: str) -> bool:
        """Whether there is a tenant."""
        return name in self._ses_v2._tenants

    def pool(self, name: str) -> dict[str, Any] | None:
        """Return a dedicated IP pool."""
        record = self._ses_v2._dedicated_ip_pools.get(name)
        return dict(record) if record is not None else None

    def put_pool(self, name: str, scaling_mode: str) -> None:
        """Make or change a dedicated IP pool."""
        self._ses_v2._dedicated_ip_pools[name] = {"PoolName": name, "ScalingMode": scaling_mode}

    def remove_pool(self, name: str) -> None:
        """Remove a dedicated IP pool."""
        self._ses_v2._dedicated_ip_pools.pop(name, None)

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

    def subscriptions(self, topic_arn: str) -> list[dict[str, Any]]:
        """Return the subscriptions of a topic."""
        topic = self._sns._topics.get(topic_arn)
        return list(topic["subscriptions"]) if topic is not None else []

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

    def put_event(self, *, source: str, detail_type: str, detail: str, resources: Sequence[str]) -> str | None:
        """Put an event on the default bus, as an AWS service does, or return why not."""
        entry = {"Source": source, "DetailType": detail_type, "Detail": detail, "Resources": list(resources)}
        _, _, body = self._eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
        (result,) = json.loads(body)["Entries"]
        return str(result["ErrorMessage"]) if "ErrorCode" in result else None

    def stream_is_active(self, arn: str) -> bool:
        """Whether there is a Firehose stream that takes records."""
        stream = self._firehose._streams.get(arn.rpartition("/")[2])
        return stream is not None and arn == stream["arn"] and stream["status"] == "ACTIVE"

    def put_record(self, stream_arn: str, data: bytes) -> str | None:
        """Write one record to a Firehose stream, or return why not."""
        record = {"Data": base64.b64encode(data).decode()}
        request = {"DeliveryStreamName": stream_arn.rpartition("/")[2], "Records": [record]}
        status, _, body = self._firehose._put_record_batch(request)
        answer = json.loads(body)
        if status != 200:
            return str(answer.get("message"))
        (result,) = answer["RequestResponses"]
        return str(result["ErrorMessage"]) if "ErrorCode" in result else None

    def put_metric(self, namespace: str, name: str, dimensions: Mapping[str, str]) -> None:
        """Count one in a metric."""
        datum = {
            "MetricName": name,
            "Value": 1.0,
            "Unit": "Count",
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        }
        self._cloudwatch._put_metric_data({}, {"Namespace": namespace, "MetricData": [datum]}, False, is_json=True)

    # Who calls

    def role_trust(self, arn: str) -> str | None:
        """Return the trust policy of a role."""
        role = self._iam._roles.get(arn.rpartition("/")[2])
        if role is None or role["Arn"] != arn:
            return None
        trust = role["AssumeRolePolicyDocument"]
        return trust if isinstance(trust, str) else json.dumps(trust)

    def role_may(self, arn: str, action: str, resource: str) -> bool:
        """Whether the policies of a role allow an action."""
        context = self._evaluator.EvalContext(
            principal_arn=arn,
            principal_type="AssumedRole",
            principal_account=self.account,
            action=action,
            resource_arn=resource,
            region=self.region,
        )
        policies = self._evaluator._gather_role_policies(arn.rpartition("/")[2], self.account)
        return bool(self._evaluator.evaluate(context, policies).decision == "Allow")

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

    # DynamoDB

    def table(self, name: str) -> dict[str, Any] | None:
        """Return the record of a table."""
        record = self._dynamodb._tables.get(name)
        return dict(record) if record is not None else None

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

    def wrap(self, resource_type: str, step: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Put a function around one step (create, update or delete) of a resource type, and leave the others."""
        handlers = self.provisioners._RESOURCE_HANDLERS[resource_type]
        handlers[step] = around(handlers[step])

    def wrap_change_sets(self, after: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
        """Call a function with each new change set and its stack."""
        create = self._actions["CreateChangeSet"]

        def create_and_tell(params: Any) -> Any:
            before = set(self._cloudformation._change_sets)
            answer = create(params)
            for change_set_id in set(self._cloudformation._change_sets) - before:
                change_set = self._cloudformation._change_sets[change_set_id]
                after(change_set, self._cloudformation._stacks.get(change_set["StackName"]) or {})
            return answer

        self._actions["CreateChangeSet"] = create_and_tell


def _error(refusal: Response, v1_codes: Mapping[str, str] | None = None) -> SesError:
    status, _, body = refusal
    error = json.loads(body)
    code = error["name"]
    v1_code = (v1_codes or {}).get(code, "InvalidParameterValue" if code == "BadRequestException" else code)
    return SesError(code, error["message"], v1_code=v1_code, status=status)


def pretty(document: object) -> str:
    """Return a document as SES writes it: JSON without blanks."""
    return json.dumps(document, separators=(",", ":"))
