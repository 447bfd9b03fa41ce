"""DynamoDB for the tests: moto's table, with the conditions of PartiQL statements that moto does not check."""

from typing import Any

from botocore.exceptions import ClientError
from ministack.services._dynamodb_keywords import parse_statement

Json = dict[str, Any]


class ConditionalDynamoDB:
    """A DynamoDB client in which each PartiQL statement becomes the conditional write that it stands for.

    moto 5.2 takes no parameters in INSERT, overwrites what is there, and reports no failed condition of an UPDATE.
    Statements are parsed by MiniStack, which knows DynamoDB's grammar and reserved words. `calls` names every call.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.calls: list[str] = []

    def batch_get_item(self, **request: Any) -> Json:
        self.calls.append("BatchGetItem")
        response: Json = self._client.batch_get_item(**request)
        return response

    def batch_execute_statement(self, *, Statements: list[Json]) -> Json:
        self.calls.append("BatchExecuteStatement")
        assert len(Statements) <= 25
        return {"Responses": [self._execute(statement) for statement in Statements]}

    def _execute(self, statement: Json) -> Json:
        assert len(statement["Statement"].encode()) <= 8192
        parsed = parse_statement(statement["Statement"], statement["Parameters"])
        try:
            if parsed["op"] == "INSERT":
                self._client.put_item(
                    TableName=parsed["table"],
                    Item=parsed["item"],
                    ConditionExpression="attribute_not_exists(address)",
                )
            else:
                self._update(parsed)
        except ClientError as error:
            code = error.response["Error"]["Code"].removesuffix("Exception")
            duplicate = parsed["op"] == "INSERT" and code == "ConditionalCheckFailed"
            return {"Error": {"Code": "DuplicateItem" if duplicate else code}}
        return {"TableName": parsed["table"]}

    def _update(self, parsed: Json) -> None:
        where = dict(_conjuncts(parsed["where"]))
        names = {f"#{name}": name for name in where}
        values: Json = {}
        conditions = []
        for name, value in where.items():
            if value is None:
                conditions.append(f"attribute_not_exists(#{name})")
            else:
                conditions.append(f"#{name} = :where_{name}")
                values[f":where_{name}"] = value
        sets = []
        for (name,), (_, value, _) in parsed["assignments"]:
            names[f"#{name}"] = name
            values[f":{name}"] = value
            sets.append(f"#{name} = :{name}")
        expression = f"SET {', '.join(sets)}"
        if parsed["removes"]:
            names |= {f"#{name}": name for (name,) in parsed["removes"]}
            expression += f" REMOVE {', '.join(f'#{name}' for (name,) in parsed['removes'])}"
        self._client.update_item(
            TableName=parsed["table"],
            Key={"address": where["address"], "scope": where["scope"]},
            UpdateExpression=expression,
            ConditionExpression=" AND ".join(conditions),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )


def _conjuncts(where: Any) -> list[tuple[str, Json | None]]:
    """Attributes and the values they must have; None for one that must be missing."""
    if where[0] == "and":
        return [*_conjuncts(where[1]), *_conjuncts(where[2])]
    if where[0] == "is":
        assert where[2:] == ("MISSING", False)
        return [(where[1][1][0], None)]
    assert where[:2] == ("cmp", "=")
    return [(where[2][1][0], where[3][1])]
