"""Receipt rule sets, rules and filters of the lab over API v1 and CloudFormation, against what AWS documents."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ses_constructs.lab import Lab, LabError
from tests.lab.reception import Json
from tests.lab.stage import client, create_stack, update_stack

pytestmark = pytest.mark.lab

HEADER: Json = {"AddHeaderAction": {"HeaderName": "X-Seen", "HeaderValue": "yes"}}


@pytest.fixture
def ses(ses_lab: Lab) -> Iterator[Any]:
    made = client(ses_lab, "ses")
    yield made
    made.set_active_receipt_rule_set()
    for rule_set in made.list_receipt_rule_sets()["RuleSets"]:
        made.delete_receipt_rule_set(RuleSetName=rule_set["Name"])
    for it in made.list_receipt_filters()["Filters"]:
        made.delete_receipt_filter(FilterName=it["Name"])


@pytest.fixture
def rule_set(ses: Any) -> str:
    ses.create_receipt_rule_set(RuleSetName="rules")
    return "rules"


def rule(name: str = "rule", **properties: Any) -> Json:
    return {"Name": name, "Actions": [HEADER], **properties}


def create(ses: Any, *names: str, after: str | None = None) -> None:
    for name in names:
        options = {"After": after} if after is not None else {}
        ses.create_receipt_rule(RuleSetName="rules", Rule=rule(name), **options)


def names(ses: Any, rule_set: str = "rules") -> list[str]:
    return [it["Name"] for it in ses.describe_receipt_rule_set(RuleSetName=rule_set)["Rules"]]


def code(call: Callable[..., object], **parameters: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return str(refused.value.response["Error"]["Code"])


# Sets


def test_a_set_is_made_empty_and_not_active_and_is_there_once(ses: Any, rule_set: str) -> None:
    assert ses.describe_active_receipt_rule_set().get("Metadata") is None
    assert names(ses) == []
    assert code(ses.create_receipt_rule_set, RuleSetName="rules") == "AlreadyExists"


def test_one_set_is_active_and_none_without_a_name(ses: Any, rule_set: str) -> None:
    ses.create_receipt_rule_set(RuleSetName="others")
    for name in ("rules", "others"):
        ses.set_active_receipt_rule_set(RuleSetName=name)
        assert ses.describe_active_receipt_rule_set()["Metadata"]["Name"] == name
    assert code(ses.set_active_receipt_rule_set, RuleSetName="missing") == "RuleSetDoesNotExist"
    assert code(ses.set_active_receipt_rule_set, RuleSetName="") == "ValidationError"
    ses.set_active_receipt_rule_set()
    assert "Metadata" not in ses.describe_active_receipt_rule_set()


def test_the_active_set_cannot_be_deleted_and_what_is_gone_can(ses: Any, rule_set: str) -> None:
    ses.set_active_receipt_rule_set(RuleSetName="rules")
    assert code(ses.delete_receipt_rule_set, RuleSetName="rules") == "CannotDelete"
    ses.set_active_receipt_rule_set()
    for _ in range(2):
        ses.delete_receipt_rule_set(RuleSetName="rules")
    assert code(ses.describe_receipt_rule_set, RuleSetName="rules") == "RuleSetDoesNotExist"


def test_a_clone_has_the_rules_and_goes_its_own_way(ses: Any, rule_set: str) -> None:
    create(ses, "one")
    ses.clone_receipt_rule_set(RuleSetName="clone", OriginalRuleSetName="rules")
    ses.delete_receipt_rule(RuleSetName="rules", RuleName="one")
    assert (names(ses), names(ses, "clone")) == ([], ["one"])
    missing = code(ses.clone_receipt_rule_set, RuleSetName="again", OriginalRuleSetName="missing")
    assert missing == "RuleSetDoesNotExist"
    again = code(ses.clone_receipt_rule_set, RuleSetName="clone", OriginalRuleSetName="rules")
    assert again == "AlreadyExists"


def test_there_are_at_most_40_sets(ses: Any) -> None:
    for number in range(40):
        ses.create_receipt_rule_set(RuleSetName=f"set-{number}")
    assert code(ses.create_receipt_rule_set, RuleSetName="one-more") == "LimitExceeded"
    assert len(ses.list_receipt_rule_sets()["RuleSets"]) == 40


@pytest.mark.parametrize("name", ["-outer", "with.period", "x" * 65])
def test_a_set_has_a_name_that_ses_takes(ses: Any, name: str) -> None:
    assert code(ses.create_receipt_rule_set, RuleSetName=name) == "InvalidParameterValue"


# Rules


def test_a_rule_goes_first_unless_it_follows_another(ses: Any, rule_set: str) -> None:
    create(ses, "one", "two")
    assert names(ses) == ["two", "one"]
    create(ses, "between", after="two")
    assert names(ses) == ["two", "between", "one"]
    missing = code(ses.create_receipt_rule, RuleSetName="rules", Rule=rule("x"), After="missing")
    assert missing == "RuleDoesNotExist"


def test_rules_are_moved_and_reordered(ses: Any, rule_set: str) -> None:
    create(ses, "c", "b", "a")
    ses.set_receipt_rule_position(RuleSetName="rules", RuleName="a", After="c")
    assert names(ses) == ["b", "c", "a"]
    ses.set_receipt_rule_position(RuleSetName="rules", RuleName="c")
    assert names(ses) == ["c", "b", "a"]
    ses.reorder_receipt_rule_set(RuleSetName="rules", RuleNames=["a", "b", "c"])
    assert names(ses) == ["a", "b", "c"]
    for wrong, expected in ((["a", "b"], "InvalidParameterValue"), (["a", "b", "d"], "RuleDoesNotExist")):
        assert code(ses.reorder_receipt_rule_set, RuleSetName="rules", RuleNames=wrong) == expected
    assert names(ses) == ["a", "b", "c"]


def test_a_rule_is_changed_in_its_place_and_described_with_the_defaults(ses: Any, rule_set: str) -> None:
    create(ses, "b", "a")
    ses.update_receipt_rule(RuleSetName="rules", Rule=rule("b", Recipients=["B@Example.com"], TlsPolicy="Require"))
    assert names(ses) == ["a", "b"]
    described = [ses.describe_receipt_rule(RuleSetName="rules", RuleName=name)["Rule"] for name in ("a", "b")]
    common = {"Enabled": False, "ScanEnabled": False, "Actions": [HEADER]}
    assert described[0] == {"Name": "a", "TlsPolicy": "Optional", **common}
    assert described[1] == {"Name": "b", "TlsPolicy": "Require", "Recipients": ["b@example.com"], **common}
    assert code(ses.update_receipt_rule, RuleSetName="rules", Rule=rule("missing")) == "RuleDoesNotExist"
    assert code(ses.create_receipt_rule, RuleSetName="rules", Rule=rule("a")) == "AlreadyExists"
    assert code(ses.create_receipt_rule, RuleSetName="missing", Rule=rule("a")) == "RuleSetDoesNotExist"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"Name": "outer-"}, "InvalidParameterValue"),
        ({"Recipients": ["no domain"]}, "InvalidParameterValue"),
        ({"Recipients": ["*@example.com", "@example.com"]}, "InvalidParameterValue"),
        ({"Recipients": [f"a{number}@example.com" for number in range(501)]}, "LimitExceeded"),
        ({"Actions": [HEADER] * 11}, "LimitExceeded"),
        ({"Actions": [{**HEADER, "StopAction": {"Scope": "RuleSet"}}]}, "InvalidParameterValue"),
        ({"Actions": [{"StopAction": {"Scope": "RuleSet"}}, HEADER]}, "InvalidParameterValue"),
        ({"Actions": [{"StopAction": {"Scope": "Rule"}}]}, "ValidationError"),
        ({"TlsPolicy": "Always"}, "ValidationError"),
        ({"Actions": [{"AddHeaderAction": {"HeaderName": "X Y", "HeaderValue": "z"}}]}, "InvalidParameterValue"),
        ({"Actions": [{"AddHeaderAction": {"HeaderName": "X", "HeaderValue": "a\r\nb"}}]}, "InvalidParameterValue"),
        ({"Actions": [{"AddHeaderAction": {"HeaderName": "X", "HeaderValue": "z" * 2049}}]}, "InvalidParameterValue"),
        (
            {"Actions": [{"BounceAction": {"Sender": "a@b.example", "SmtpReplyCode": "250", "Message": "No"}}]},
            "InvalidParameterValue",
        ),
    ],
)
def test_a_rule_that_ses_refuses_is_not_made(ses: Any, rule_set: str, properties: Json, expected: str) -> None:
    assert code(ses.create_receipt_rule, RuleSetName="rules", Rule=rule(**properties)) == expected
    assert names(ses) == []


def test_a_set_has_at_most_200_rules(ses: Any, rule_set: str) -> None:
    create(ses, *(f"rule.{number}" for number in range(200)))
    assert code(ses.create_receipt_rule, RuleSetName="rules", Rule=rule("one-more")) == "LimitExceeded"


# Filters


def test_filters_are_listed_and_refused_as_on_aws(ses: Any) -> None:
    made = {"Name": "office", "IpFilter": {"Policy": "Allow", "Cidr": "192.0.2.0/24"}}
    ses.create_receipt_filter(Filter=made)
    assert ses.list_receipt_filters()["Filters"] == [made]
    assert code(ses.create_receipt_filter, Filter=made) == "AlreadyExists"
    for cidr in ("2001:db8::/32", "192.0.2.0/33", "everywhere"):
        wrong = {"Name": "wrong", "IpFilter": {"Policy": "Block", "Cidr": cidr}}
        assert code(ses.create_receipt_filter, Filter=wrong) == "InvalidParameterValue"
    for number in range(99):
        ip_filter = {"Policy": "Block", "Cidr": f"198.51.100.{number}"}
        ses.create_receipt_filter(Filter={"Name": f"f{number}", "IpFilter": ip_filter})
    one_more = {"Name": "one-more", "IpFilter": {"Policy": "Block", "Cidr": "203.0.113.1"}}
    assert code(ses.create_receipt_filter, Filter=one_more) == "LimitExceeded"


# CloudFormation


def template(**rules: Json) -> dict[str, Any]:
    """A set, and rules in it by logical id."""
    resources: dict[str, Any] = {"Set": {"Type": "AWS::SES::ReceiptRuleSet", "Properties": {"RuleSetName": "rules"}}}
    for name, properties in rules.items():
        resources[name] = {"Type": "AWS::SES::ReceiptRule", "Properties": {"RuleSetName": {"Ref": "Set"}, **properties}}
    return resources


def test_a_stack_chains_rules_and_changes_them_in_place(ses: Any, ses_lab: Lab) -> None:
    stack = f"T{uuid.uuid4().hex[:8]}"
    first = {"Rule": rule("first", Enabled=True)}
    second = {"Rule": {"Actions": [HEADER]}, "After": {"Ref": "First"}}
    ids = create_stack(ses_lab, template(First=first, Second=second), name=stack)
    assert names(ses) == ["first", ids["Second"]]
    changed = {"Rule": {"Actions": [HEADER, HEADER], "Recipients": ["example.com"]}}
    again = update_stack(ses_lab, stack, template(First=first, Second=changed))
    assert again == ids
    assert names(ses) == [ids["Second"], "first"]
    described = ses.describe_receipt_rule(RuleSetName="rules", RuleName=ids["Second"])["Rule"]
    assert (described["Recipients"], len(described["Actions"])) == (["example.com"], 2)


def test_another_name_is_another_rule(ses: Any, ses_lab: Lab) -> None:
    stack = f"T{uuid.uuid4().hex[:8]}"
    create_stack(ses_lab, template(Rule={"Rule": rule("old")}), name=stack)
    ids = update_stack(ses_lab, stack, template(Rule={"Rule": rule("new")}))
    assert (ids["Rule"], names(ses)) == ("new", ["new"])


def test_the_name_of_a_rule_is_an_attribute(ses: Any, ses_lab: Lab) -> None:
    stack = f"T{uuid.uuid4().hex[:8]}"
    outputs = {"Name": {"Value": {"Fn::GetAtt": ["Rule", "RuleName"]}}}
    create_stack(ses_lab, template(Rule={"Rule": rule("named")}), name=stack, outputs=outputs)
    (made,) = client(ses_lab, "cloudformation").describe_stacks(StackName=stack)["Stacks"]
    assert made["Outputs"][0]["OutputValue"] == "named"


def test_a_stack_fails_with_what_ses_says_of_a_rule(ses: Any, ses_lab: Lab) -> None:
    action = {"S3Action": {"BucketName": "there-is-no-such-bucket"}}
    with pytest.raises(LabError, match="Could not write to bucket: there-is-no-such-bucket"):
        create_stack(ses_lab, template(Rule={"Rule": {"Actions": [action]}}))
    assert ses.list_receipt_rule_sets()["RuleSets"] == []


def test_a_stack_with_the_active_set_cannot_be_deleted(ses: Any, ses_lab: Lab) -> None:
    stack = f"T{uuid.uuid4().hex[:8]}"
    create_stack(ses_lab, template(), name=stack)
    ses.set_active_receipt_rule_set(RuleSetName="rules")
    with pytest.raises(LabError, match="Cannot delete active rule set: rules"):
        ses_lab.delete_stack(stack)
    ses.set_active_receipt_rule_set()
    ses_lab.delete_stack(stack)
    assert ses.list_receipt_rule_sets()["RuleSets"] == []


def test_every_change_of_a_filter_makes_another_one(ses: Any, ses_lab: Lab) -> None:
    stack = f"T{uuid.uuid4().hex[:8]}"

    def resources(cidr: str) -> dict[str, Any]:
        properties = {"Filter": {"IpFilter": {"Policy": "Block", "Cidr": cidr}}}
        return {"Filter": {"Type": "AWS::SES::ReceiptFilter", "Properties": properties}}

    old = create_stack(ses_lab, resources("192.0.2.1"), name=stack)
    new = update_stack(ses_lab, stack, resources("192.0.2.2"))
    assert new != old
    (only,) = ses.list_receipt_filters()["Filters"]
    assert (only["Name"], only["IpFilter"]["Cidr"]) == (new["Filter"], "192.0.2.2")
    ses_lab.delete_stack(stack)
    assert ses.list_receipt_filters()["Filters"] == []
