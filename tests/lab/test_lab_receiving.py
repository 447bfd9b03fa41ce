"""For whom the lab's SES takes mail, and in which order its rules run."""

from email.policy import SMTP

import pytest

from ses_constructs.lab import LabReceived
from tests.lab.reception import Json, Reception

pytestmark = pytest.mark.lab


def header(name: str) -> Json:
    """An action that leaves a trace in the mail and needs nothing."""
    return {"AddHeaderAction": {"HeaderName": "X-Trace", "HeaderValue": name}}


STOP: Json = {"StopAction": {"Scope": "RuleSet"}}


def trace(received: LabReceived) -> list[str]:
    """Which rules ran, in their order."""
    return [it.action["headerValue"] for it in received.actions if it.action["type"] == "AddHeader"]


# Matching: https://docs.aws.amazon.com/ses/latest/dg/receiving-email-concepts.html


@pytest.mark.parametrize(
    ("wanted", "recipient", "taken"),
    [
        ("ann@{}", "ann@{}", True),
        ("ann@{}", "ann+invoices@{}", True),
        ("ann@{}", "Ann+Invoices@{}", True),
        ("ann+invoices@{}", "ann+invoices@{}", True),
        ("ann+invoices@{}", "ann@{}", False),
        ("ann+invoices@{}", "ann+other@{}", False),
        ("ann@{}", "bob@{}", False),
        ("ann@{}", "ann@sub.{}", False),
        ("{}", "anybody@{}", True),
        ("{}", "anybody@sub.{}", False),
        (".{}", "anybody@sub.{}", True),
        (".{}", "anybody@deep.sub.{}", True),
        (".{}", "anybody@{}", False),
    ],
)
def test_recipients_of_a_rule_are_addresses_domains_and_subdomains(
    reception: Reception, wanted: str, recipient: str, taken: bool
) -> None:
    reception.rule(header("it"), Recipients=[wanted.format(reception.domain)])
    address = recipient.format(reception.domain)
    if taken:
        assert trace(reception.receive(address)) == ["it"]
    else:
        assert reception.refused(address) == (550, "5.1.1 Requested action not taken: mailbox unavailable")


def test_the_domain_is_compared_regardless_of_case(reception: Reception) -> None:
    reception.rule(header("it"), Recipients=[reception.domain.upper()])
    assert trace(reception.receive(f"ann@{reception.domain.title()}")) == ["it"]


def test_a_rule_without_recipients_is_for_every_verified_domain(reception: Reception) -> None:
    reception.rule(header("all"))
    assert trace(reception.receive(f"anybody@{reception.domain}")) == ["all"]
    assert reception.refused("anybody@not-verified.example")[0] == 550


def test_a_domain_that_is_not_verified_receives_nothing_although_a_rule_names_it(reception: Reception) -> None:
    reception.rule(header("it"), Recipients=["not-verified.example"])
    assert reception.refused("ann@not-verified.example")[0] == 550


def test_the_envelope_decides_and_not_the_header(reception: Reception) -> None:
    reception.rule(header("it"), Recipients=[reception.recipient])
    message = reception.mail(headers={"Cc": f"bob@{reception.domain}"})
    assert trace(reception.receive(reception.recipient, message=message)) == ["it"]
    assert reception.refused(f"bob@{reception.domain}")[0] == 550


def test_each_rule_sees_its_own_recipients_and_all_that_the_mail_goes_to(reception: Reception) -> None:
    ann, bob = f"ann@{reception.domain}", f"bob@{reception.domain}"
    function = reception.function()
    reception.rule({"LambdaAction": {"FunctionArn": function, "InvocationType": "RequestResponse"}}, Recipients=[bob])
    reception.rule(header("it"), Recipients=[ann])
    reception.receive(ann, bob)
    (event,) = reception.calls(function)
    told = event["Records"][0]["ses"]
    assert told["receipt"]["recipients"] == [bob]
    assert told["mail"]["destination"] == [ann, bob]


def test_without_an_active_set_nothing_is_received(reception: Reception) -> None:
    reception.rule(header("it"))
    reception.client("ses").set_active_receipt_rule_set()
    assert reception.refused(reception.recipient)[0] == 550


def test_a_disabled_rule_is_no_rule(reception: Reception) -> None:
    reception.rule(header("off"), Enabled=False)
    assert reception.refused(reception.recipient)[0] == 550
    reception.rule(header("on"))
    assert trace(reception.receive(reception.recipient)) == ["on"]


# Order


def test_every_rule_that_matches_runs_in_the_order_of_the_set(reception: Reception) -> None:
    for name in ("first", "second", "third"):
        reception.rule(header(name), header(f"{name} again"), name=name)
    expected = ["first", "first again", "second", "second again", "third", "third again"]
    assert trace(reception.receive(reception.recipient)) == expected
    names = ["third", "first", "second"]
    reception.client("ses").reorder_receipt_rule_set(RuleSetName=reception.rule_set, RuleNames=names)
    assert trace(reception.receive(reception.recipient))[::2] == names


def test_stop_ends_the_rule_set(reception: Reception) -> None:
    reception.rule(header("first"), STOP)
    reception.rule(header("second"))
    received = reception.receive(reception.recipient)
    assert trace(received) == ["first"]
    assert received.actions[-1].action == {"type": "Stop"}


def test_stop_of_a_rule_that_is_not_for_the_mail_stops_nothing(reception: Reception) -> None:
    reception.rule(STOP, Recipients=[f"bob@{reception.domain}"])
    reception.rule(header("second"))
    assert trace(reception.receive(reception.recipient)) == ["second"]


@pytest.mark.parametrize(
    ("answer", "ran"),
    [
        ({"disposition": "STOP_RULE"}, ["second"]),
        ({"disposition": "STOP_RULE_SET"}, []),
        ({"disposition": "CONTINUE"}, ["after", "second"]),
        (None, ["after", "second"]),
        ({"disposition": "whatever"}, ["after", "second"]),
        ("no object", ["after", "second"]),
        ("fail", ["after", "second"]),
    ],
)
def test_a_function_that_ses_waits_for_says_what_goes_on(reception: Reception, answer: object, ran: list[str]) -> None:
    call = {"FunctionArn": reception.function(answer), "InvocationType": "RequestResponse"}
    reception.rule({"LambdaAction": call}, header("after"))
    reception.rule(header("second"))
    received = reception.receive(reception.recipient)
    assert trace(received) == ran
    assert ("on purpose" in (received.actions[0].error or "")) == (answer == "fail")


def test_what_a_function_says_that_ses_does_not_wait_for_is_ignored(reception: Reception) -> None:
    call = {"FunctionArn": reception.function({"disposition": "STOP_RULE_SET"}), "InvocationType": "Event"}
    reception.rule({"LambdaAction": call}, header("after"))
    assert trace(reception.receive(reception.recipient)) == ["after"]
    reception.calls(call["FunctionArn"])


def test_an_action_that_fails_does_not_keep_the_others_from_running(reception: Reception) -> None:
    bucket = reception.bucket()
    reception.rule({"S3Action": {"BucketName": bucket}}, header("after"))
    reception.client("s3").delete_bucket_policy(Bucket=bucket)
    received = reception.receive(reception.recipient)
    assert "policy does not allow" in (received.actions[0].error or "")
    assert trace(received) == ["after"]


# TLS, filters and sizes


def test_a_rule_can_require_tls(reception: Reception) -> None:
    reception.rule(header("it"), TlsPolicy="Require")
    assert reception.refused(reception.recipient) == (530, "5.7.0 Must issue a STARTTLS command first")
    received = reception.receive(reception.recipient, tls=True)
    assert received.tls
    assert trace(received) == ["it"]


@pytest.mark.parametrize(
    ("filters", "blocked"),
    [
        ({"198.51.100.7": "Block"}, True),
        ({"198.51.100.0/24": "Block"}, True),
        ({"198.51.100.0/24": "Block", "198.51.100.7/32": "Allow"}, False),
        ({"198.51.100.0/24": "Allow", "198.51.100.7": "Block"}, True),
        ({"203.0.113.0/24": "Block"}, False),
    ],
)
def test_filters_keep_addresses_out_before_any_rule_runs(
    reception: Reception, filters: dict[str, str], blocked: bool
) -> None:
    reception.rule(header("it"))
    ses, names = reception.client("ses"), [f"filter-{number}" for number in range(len(filters))]
    for name, (cidr, policy) in zip(names, filters.items(), strict=True):
        ses.create_receipt_filter(Filter={"Name": name, "IpFilter": {"Cidr": cidr, "Policy": policy}})
    try:
        if blocked:
            code, said = reception.refused(reception.recipient, address="198.51.100.7")
            assert (code, "198.51.100.7" in said) == (550, True)
        else:
            assert trace(reception.receive(reception.recipient, address="198.51.100.7")) == ["it"]
        assert trace(reception.receive(reception.recipient, address="192.0.2.1")) == ["it"]
    finally:
        for name in names:
            ses.delete_receipt_filter(FilterName=name)
    assert ses.list_receipt_filters()["Filters"] == []


def test_without_xclient_a_mail_comes_from_the_address_of_the_connection(reception: Reception) -> None:
    reception.rule(header("it"))
    assert reception.receive(reception.recipient).client_address == "127.0.0.1"
    ses, name = reception.client("ses"), "loopback"
    ses.create_receipt_filter(Filter={"Name": name, "IpFilter": {"Cidr": "127.0.0.0/8", "Policy": "Block"}})
    try:
        assert reception.refused(reception.recipient)[0] == 550
    finally:
        ses.delete_receipt_filter(FilterName=name)


def test_an_address_that_is_none_is_refused(reception: Reception) -> None:
    with reception.smtp() as smtp:
        assert [smtp.docmd("XCLIENT", it)[0] for it in ("", "ADDR=nowhere", "NAME=mx.example.net")] == [501] * 3


def test_a_mail_above_40_mb_is_refused(reception: Reception) -> None:
    reception.rule(header("it"))
    line = b"x" * 76 + b"\r\n"
    with reception.smtp() as smtp:
        assert smtp.esmtp_features["size"] == str(40 * 1024 * 1024)
        smtp.mail("bo@sender.example")
        smtp.rcpt(reception.recipient)
        code, _ = smtp.data(b"Subject: large\r\n\r\n" + line * (40 * 1024 * 1024 // len(line) + 1))
    assert code == 552


def test_a_bounce_with_an_empty_sender_comes_in(reception: Reception) -> None:
    reception.rule(header("it"))
    with reception.smtp() as smtp:
        smtp.sendmail("", [reception.recipient], reception.mail().as_bytes(policy=SMTP))
    received = reception.lab.received()[-1]
    assert received.source == ""
    assert received.raw.startswith(b"Return-Path: <>\r\n")
