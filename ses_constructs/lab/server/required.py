"""What the lab relies on in MiniStack.

It is checked at start: a version where something has moved stops the lab with an error that names it, before anything
goes quietly wrong.
"""

from __future__ import annotations

import importlib
import inspect
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_CLOUDFORMATION = "services.cloudformation"
_PROVISIONERS = f"{_CLOUDFORMATION}.provisioners"
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
    "core.iam_evaluator._gather_role_policies": ("role_name", "account_id"),
    "core.iam_evaluator._gather_user_policies": ("user_name", "account_id"),
    "core.responses.AccountRegionScopedDict": None,
    "core.responses.get_account_id": (),
    "core.responses.get_region": (),
    "services.athena._DUCKDB_TYPE_BY_ATHENA": None,
    "services.athena._create_named_query": ("data",),
    "services.athena._data_format": ("table_data",),
    "services.athena._delete_named_query": ("data",),
    "services.athena._duckdb_type": ("column",),
    "services.athena._hive_options": ("partitions",),
    "services.athena._path_partition_keys": ("table_data", "files"),
    "services.athena._rewrite_data_paths": ("query", "database", "catalog"),
    "services.athena._sql_list": ("paths",),
    "services.athena._sql_tokens": ("sql",),
    "services.athena._start_query_execution": ("data",),
    "services.athena._table_relation": ("table_data", "files"),
    "services.athena._workgroups": None,
    "services.firehose._metadata_extraction_keys": ("cfg", "data"),
    f"{_CLOUDFORMATION}._change_sets": None,
    f"{_CLOUDFORMATION}._stacks": None,
    f"{_CLOUDFORMATION}.handlers._ACTION_HANDLERS": None,
    "services.cloudwatch._put_metric_data": ("params", "cbor_data", "is_cbor", "is_json"),
    "services.dynamodb._emit_stream_event": ("table_name", "event_name", "old_item", "new_item"),
    "services.dynamodb._extract_key_val": ("attr",),
    "services.dynamodb._partiql_delete": ("table", "parsed", "data"),
    "services.dynamodb._partiql_insert": ("table", "parsed"),
    "services.dynamodb._partiql_key_target": ("table", "parsed"),
    "services.dynamodb._partiql_update": ("table", "parsed", "data"),
    "services.dynamodb._tables": None,
    "services.eventbridge._put_events": ("data", "allow_aws_source"),
    "services.firehose._put_record_batch": ("data",),
    "services.firehose._streams": None,
    "services.iam._access_keys": None,
    "services.iam._roles": None,
    "services.kms._generate_data_key": ("data",),
    "services.kms._resolve_key": ("key_id_or_arn",),
    "services.lambda_svc._execute_function_with_config_scope": ("func", "event"),
    "services.lambda_svc._execution_record_for_config": ("func", "config"),
    "services.lambda_svc._functions": None,
    "services.lambda_svc._get_func_record_for_ref": ("function_ref",),
    "services.lambda_svc.invoke_async_with_retry": ("func", "event"),
    "services.route53._lock": None,
    "services.route53._records": None,
    "services.route53._zones": None,
    "services.route53._rs_key": ("rs",),
    "services.s3._bucket_encryption": None,
    "services.s3._bucket_object_lock": None,
    "services.s3._bucket_policies": None,
    "services.s3._buckets": None,
    "services.s3._put_object": ("bucket_name", "key", "body", "headers"),
    "services.ses._dkim_tokens": ("domain",),
    "services.ses._error": ("code", "message", "status"),
    "services.ses._identities": None,
    "services.ses._iso_now": (),
    "services.ses._sent_emails_list": (),
    "services.ses._templates": None,
    "services.ses._xml": ("status", "root_tag", "inner"),
    "services.ses.handle_request": ("method", "path", "headers", "body", "query_params"),
    "services.ses_v2._config_sets": None,
    "services.ses_v2._create_config_set": ("name", "data"),
    "services.ses_v2._dedicated_ip_pools": None,
    "services.ses_v2._event_destination": ("definition",),
    "services.ses_v2._identities": None,
    "services.ses_v2._json_err": ("code", "message", "status"),
    "services.ses_v2._put_config_set_option": ("rec", "key", "value"),
    "services.ses_v2._put_event_destination": ("name", "dest_name", "definition", "create"),
    "services.ses_v2._resolve_send_template": ("tpl",),
    "services.ses_v2._tenants": None,
    "services.ses_v2.handle_request": ("method", "path", "headers", "body", "query_params"),
    "services.sns._find_subscription": ("topic_arn", "sub_arn"),
    "services.sns._sub_arn_to_topic": None,
    "services.sns._topics": None,
    "services.sns.publish_internal": ("topic_arn", "message", "subject"),
    f"{_PROVISIONERS}._RESOURCE_HANDLERS": None,
    f"{_PROVISIONERS}._athena": None,
    f"{_PROVISIONERS}._firehose": None,
    f"{_PROVISIONERS}._delete_predecessor": ("delete_fn",),
    f"{_PROVISIONERS}._r53_record_set_build_rs": ("props",),
    f"{_PROVISIONERS}._r53_resolve_hosted_zone_id": ("props",),
    f"{_PROVISIONERS}._physical_name": ("stack_name", "logical_id"),
    f"{_PROVISIONERS}._ses_configuration_set_create": ("logical_id", "props", "stack_name"),
    f"{_PROVISIONERS}._ses_configuration_set_delete": ("physical_id", "props"),
    f"{_PROVISIONERS}._ses_configuration_set_update": ("physical_id", "old_props", "new_props", "stack_name"),
    f"{_PROVISIONERS}._ses_configuration_set_event_destination_delete": ("physical_id", "props"),
    f"{_PROVISIONERS}._ses_event_destination_definition": ("destination",),
    f"{_PROVISIONERS}._ses_email_identity_create": ("logical_id", "props", "stack_name"),
    f"{_PROVISIONERS}._ses_email_identity_delete": ("physical_id", "props"),
    f"{_PROVISIONERS}._ses_email_identity_update": ("physical_id", "old_props", "new_props", "stack_name"),
    f"{_PROVISIONERS}._sns_sub_attributes": ("props",),
    f"{_PROVISIONERS}._sns_sub_create": ("logical_id", "props", "stack_name"),
    f"{_PROVISIONERS}._sns_sub_delete": ("physical_id", "props"),
    f"{_PROVISIONERS}._sns_sub_update": ("physical_id", "old_props", "new_props", "stack_name"),
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
