"""Stored templates and pools."""

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from ses_constructs import Dns, DomainIdentity, EmailTemplate
from tests.constructs.support import Synthesised, synthesise, text


def defined(**given: Any) -> Synthesised:
    return synthesise(lambda stack: EmailTemplate(stack, "Template", **{"subject": "Hello {{name}}", **given}))


def part(synthesised: Synthesised) -> dict[str, Any]:
    found: dict[str, Any] = synthesised.properties("AWS::SES::Template")["Template"]
    return found


def test_parts_may_be_texts() -> None:
    found = part(defined(html="<p>{{name}}</p>", text="{{name}}", template_name="hello"))
    assert found == {
        "TemplateName": "hello",
        "SubjectPart": "Hello {{name}}",
        "HtmlPart": "<p>{{name}}</p>",
        "TextPart": "{{name}}",
    }


def test_parts_may_be_files(tmp_path: Path) -> None:
    html, plain = tmp_path / "hello.html", tmp_path / "hello.txt"
    html.write_text("<p>Grüße, {{name}}</p>", encoding="utf-8")
    plain.write_text("Grüße, {{name}}", encoding="utf-8")
    found = part(defined(html=html, text=plain))
    assert (found["HtmlPart"], found["TextPart"]) == ("<p>Grüße, {{name}}</p>", "Grüße, {{name}}")
    assert "TemplateName" not in found


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        defined(html=tmp_path / "missing.html")


@pytest.mark.parametrize("name", ["html", "text"])
def test_a_file_name_is_not_mailed_as_the_text(name: str) -> None:
    with pytest.raises(
        ValueError, match=f"Mail/Template: {name} must be a Path to be read from a file, got 'mail/a.txt'"
    ):
        defined(**{name: "mail/a.txt"})


@pytest.mark.parametrize("name", ["subject", "html", "text"])
def test_a_placeholder_that_is_not_closed_is_refused_with_its_place(name: str) -> None:
    given = {"html": "H", "text": "T", name: "Dear {{name, hello"}
    expected = rf"Mail/Template: {name} must be a template of Handlebars: '{{{{name, hello' is not closed by }}}}"
    with pytest.raises(ValueError, match=expected):
        defined(**given)


def test_parts_that_say_different_things_are_warned_of() -> None:
    (warning,) = defined(html="{{name}} {{order.id}}", text="{{name}} {{#if gift}}a gift{{/if}}").warnings()
    assert "only in HTML: order.id; only in the text: gift" in warning


def test_parts_that_say_the_same_are_not_warned_of() -> None:
    items = "{{#each items}}{{title}}{{/each}}"
    synthesised = defined(html=f"<ul>{items}</ul>", text=f"{items} {{{{! for those without HTML }}}}")
    assert not synthesised.warnings()


def test_a_part_alone_is_not_warned_of() -> None:
    assert not defined(text="{{name}}").warnings()


def test_who_sends_from_an_identity_may_be_given_the_template() -> None:
    def define(stack: cdk.Stack) -> None:
        template = EmailTemplate(stack, "Template", subject="Hello", text="Hello")
        identity = DomainIdentity(stack, "Identity", domain="example.com", dns=Dns.manual())
        identity.grant_send(iam.User(stack, "User"), templates=[template, "other"])
        cdk.CfnOutput(stack, "Arn", value=template.template_arn)

    synthesised = synthesise(define)
    (template_id,) = synthesised.resources("AWS::SES::Template")
    prefix = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:template/"
    assert text(synthesised.template["Outputs"]["Arn"]["Value"]) == f"{prefix}${{{template_id}}}"
    (statement,) = synthesised.properties("AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    assert {f"{prefix}${{{template_id}}}", f"{prefix}other"} < {text(it) for it in statement["Resource"]}
    assert "ses:SendTemplatedEmail" in statement["Action"]
