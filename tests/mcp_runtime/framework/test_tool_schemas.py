"""What clients are told about a tool's arguments, and what they may send (FASTMCP T-01, T-08, T-12 to T-14, S-03)."""

from __future__ import annotations

import datetime
import enum
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import pytest
from pydantic import AfterValidator, BaseModel, Field

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.errors import InvalidSignature, ToolError


class Colour(enum.Enum):
    RED = "red"


class Address(BaseModel):
    """Where somebody lives."""

    street: str
    number: int = 1


@dataclass
class Point:
    x: int
    y: int


class Options(TypedDict):
    depth: int


class Node(BaseModel):
    value: int
    children: list[Node] = []


async def schema_of(function: Any, **options: Any) -> dict[str, Any]:
    mcp = FastMCP()
    mcp.tool(function, **options)
    async with Client(mcp) as client:
        return (await client.list_tools())[0].input_schema


@pytest.mark.fastmcp("T-01", "T-12")
async def test_the_schema_comes_from_annotations_and_defaults() -> None:
    def search(query: str, limit: Annotated[int, Field(description="At most", ge=1, le=100)] = 10) -> list[str]:
        return []

    assert await schema_of(search) == {
        "type": "object",
        "properties": {
            "query": {"type": "string"},
            "limit": {"type": "integer", "description": "At most", "minimum": 1, "maximum": 100, "default": 10},
        },
        "required": ["query"],
        "additionalProperties": False,
    }


@pytest.mark.fastmcp("T-01")
async def test_references_are_put_in_place() -> None:
    def visit(home: Address, work: Address) -> str:
        return ""

    schema = await schema_of(visit)

    assert "$defs" not in schema
    assert schema["properties"]["work"]["properties"]["street"] == {"type": "string"}


async def test_a_recursive_model_keeps_its_references() -> None:
    def count(node: Node) -> int:
        return 0

    schema = await schema_of(count)

    assert schema["properties"]["node"] == {"$ref": "#/$defs/Node"}
    assert schema["$defs"]["Node"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}


async def test_a_property_called_title_survives() -> None:
    def publish(title: str) -> str:
        return title

    assert (await schema_of(publish))["properties"] == {"title": {"type": "string"}}


@pytest.mark.parametrize(
    "document",
    [
        "Add.\n\nArgs:\n    a: The first\n        number.\n    b (int): The second.\n\nReturns:\n    c: no",
        "Add.\n\nParameters\n-----\na : int\n    The first\n    number.\nb\n    The second.\n\nReturns\n-----\nint",
        "Add.\n\n:param a: The first\n    number.\n:param int b: The second.\n:returns: no",
    ],
    ids=["google", "numpy", "sphinx"],
)
async def test_docstrings_describe_parameters(document: str) -> None:
    def add(a: int, b: int) -> int:
        return a + b

    add.__doc__ = document

    properties = (await schema_of(add))["properties"]
    assert properties["a"]["description"] == "The first number."
    assert properties["b"]["description"] == "The second."


async def test_a_field_description_beats_the_docstring() -> None:
    def add(a: Annotated[int, Field(description="mine")]) -> int:
        """Add.

        Args:
            a: theirs
        """
        return a

    assert (await schema_of(add))["properties"]["a"]["description"] == "mine"


@pytest.mark.fastmcp("T-13", "S-03")
@pytest.mark.parametrize(
    ("annotation", "sent", "received"),
    [
        (int | None, None, None),
        (Literal["a", "b"], "b", "b"),
        (Colour, "red", Colour.RED),
        (Address, {"street": "Elm"}, Address(street="Elm")),
        (Point, {"x": 1, "y": 2}, Point(1, 2)),
        (Options, {"depth": 3}, {"depth": 3}),
        (list[Options] | None, [{"depth": 3}], [{"depth": 3}]),
        (datetime.datetime, "2026-01-02T03:04:05Z", datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)),
        (uuid.UUID, "12345678-1234-5678-1234-567812345678", uuid.UUID("12345678-1234-5678-1234-567812345678")),
        (Path, "/tmp/x", Path("/tmp/x")),
        (bytes, "hi", b"hi"),
        (set[int], [1, 2], {1, 2}),
        (list[int], [1, "2"], [1, 2]),
        (int, "10", 10),
    ],
    ids=lambda value: getattr(value, "__name__", str(value))[:20],
)
async def test_arguments_arrive_as_their_parameters_type(annotation: Any, sent: Any, received: Any) -> None:
    seen: list[Any] = []

    def take(value: Any) -> None:
        seen.append(value)

    take.__annotations__["value"] = annotation
    mcp = FastMCP()
    mcp.tool(take)

    async with Client(mcp) as client:
        await client.call_tool("take", {"value": sent})

    assert seen == [received]


@pytest.mark.fastmcp("T-12", "S-03")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"n": 0}, "greater than or equal to 1"),
        ({"n": "ten"}, "valid integer"),
        ({}, "Missing required argument"),
        ({"n": 1, "evil": 2}, "Unexpected keyword argument"),
        ({"n": 1, "numbers": "[1,2]"}, "valid list"),
    ],
    ids=["too small", "not a number", "missing", "unknown", "a text for a list"],
)
async def test_arguments_that_do_not_fit_are_refused(arguments: dict[str, Any], complaint: str) -> None:
    mcp = FastMCP()

    @mcp.tool
    def take(n: Annotated[int, Field(ge=1)], numbers: list[int] | None = None) -> int:
        return n

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match=rf"(?s)1 validation error for call\[take\].*{complaint}"):
            await client.call_tool("take", arguments)


@pytest.mark.fastmcp("S-03")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"n": "10"}, "Input validation error: '10' is not of type 'integer'"),
        ({}, "Input validation error: 'n' is a required property"),
        ({"n": 1, "evil": 2}, "'evil' was unexpected"),
    ],
)
async def test_strict_validation_takes_json_types_as_they_are(arguments: dict[str, Any], complaint: str) -> None:
    mcp = FastMCP(strict_input_validation=True)

    @mcp.tool
    def take(n: int) -> int:
        return n

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match=complaint):
            await client.call_tool("take", arguments)


@pytest.mark.fastmcp("S-03")
async def test_strict_validation_still_reads_dates_from_texts() -> None:
    mcp = FastMCP(strict_input_validation=True)

    @mcp.tool
    def year(day: datetime.date) -> int:
        return day.year

    async with Client(mcp) as client:
        assert await client.call_tool("year", {"day": "2026-11-22"}) == 2026


@pytest.mark.fastmcp("T-08")
async def test_an_excluded_argument_is_hidden() -> None:
    def act(what: str, user: str = "nobody") -> str:
        return user

    assert list((await schema_of(act, exclude_args=["user"]))["properties"]) == ["what"]


@pytest.mark.fastmcp("T-08", status="safer")
async def test_a_client_cannot_supply_an_excluded_argument() -> None:
    """The real library lets it through."""
    mcp = FastMCP()

    @mcp.tool(exclude_args=["user"])
    def act(what: str, user: str = "nobody") -> str:
        return user

    async with Client(mcp) as client:
        assert await client.call_tool("act", {"what": "x"}) == "nobody"
        with pytest.raises(ToolError, match="Unexpected keyword argument"):
            await client.call_tool("act", {"what": "x", "user": "evil"})


@pytest.mark.fastmcp("T-08")
def test_an_excluded_argument_needs_a_default() -> None:
    mcp = FastMCP()

    with pytest.raises(ValueError, match="default"):

        @mcp.tool(exclude_args=["user"])
        def act(user: str) -> str:
            return user


@pytest.mark.fastmcp("T-14", "C-01")
@pytest.mark.parametrize("form", ["plain", "optional", "text", "annotated"])
async def test_the_context_is_injected_and_never_shown(form: str) -> None:
    annotation: Any = {
        "plain": Context,
        "optional": Context | None,
        "text": "Context",
        "annotated": Annotated[Context, "mine"],
    }[form]
    mcp = FastMCP("hidden")

    def who(a: int, whatever: Any = None) -> str:
        return str(whatever.fastmcp.name)

    who.__annotations__["whatever"] = annotation
    mcp.tool(who)

    async with Client(mcp) as client:
        assert list((await client.list_tools())[0].input_schema["properties"]) == ["a"]
        assert await client.call_tool("who", {"a": 1}) == "hidden"


async def test_types_of_the_surrounding_function_are_found() -> None:
    class Local(BaseModel):
        n: int

    mcp = FastMCP()

    @mcp.tool
    def take(local: Local) -> int:
        return local.n

    async with Client(mcp) as client:
        assert await client.call_tool("take", {"local": {"n": 7}}) == 7


async def test_a_type_that_its_module_does_not_define_is_named() -> None:
    def take(value: int) -> int:
        return value

    take.__annotations__["value"] = "OnlyForTheChecker"

    with pytest.raises(InvalidSignature, match=r"'OnlyForTheChecker'.*TYPE_CHECKING"):
        await schema_of(take)


async def test_an_unknown_result_type_does_not_keep_a_tool_from_working() -> None:
    mcp = FastMCP()

    def take() -> int:
        return 1

    take.__annotations__["return"] = "OnlyForTheChecker"
    mcp.tool(take)

    async with Client(mcp) as client:
        assert (await client.call_tool("take")).content[0].text == "1"


async def test_a_parameter_that_json_cannot_describe_is_named() -> None:
    class Opaque:
        pass

    def take(value: Any) -> int:
        return 1

    take.__annotations__["value"] = Opaque

    with pytest.raises(InvalidSignature, match="'take' has a parameter that JSON cannot describe"):
        await schema_of(take)


@pytest.mark.parametrize("name", ["schema", "json", "copy", "model_config"])
async def test_parameters_may_bear_names_that_models_use(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def take({name}: str) -> str:\n    return {name}", namespace)
    mcp = FastMCP()
    mcp.tool(namespace["take"])

    async with Client(mcp) as client:
        assert await client.call_tool("take", {name: "x"}) == "x"


async def test_positional_only_parameters_are_filled_by_name() -> None:
    mcp = FastMCP()

    @mcp.tool
    def minus(a: int, b: int, /) -> int:
        return a - b

    async with Client(mcp) as client:
        assert await client.call_tool("minus", {"b": 1, "a": 3}) == 2


@pytest.mark.fastmcp("P-11")
async def test_a_default_given_as_a_field_is_the_default() -> None:
    mcp = FastMCP()

    @mcp.tool
    def take(kind: str = Field(default="summary", description="What kind")) -> str:
        return kind

    async with Client(mcp) as client:
        assert await client.call_tool("take") == "summary"


@pytest.mark.fastmcp("S-04")
async def test_masked_servers_do_not_repeat_what_a_validator_said() -> None:
    def check(value: str) -> str:
        raise ValueError("the password is hunter2")

    mcp = FastMCP(mask_error_details=True)

    def take(value: str, n: int = 1) -> str:
        return value

    take.__annotations__["value"] = Annotated[str, AfterValidator(check)]
    mcp.tool(take)

    async with Client(mcp) as client:
        with pytest.raises(ToolError) as refused:
            await client.call_tool("take", {"value": "x", "n": "y"})
    assert str(refused.value).startswith("Error calling tool 'take': value: is not valid; n: Input should be")


@pytest.mark.fastmcp("S-03", status="later")
async def test_texts_that_do_not_fit_are_read_as_json_where_the_server_says_so() -> None:
    mcp = FastMCP(decode_json_texts=True)

    @mcp.tool
    def take(numbers: list[int], home: Address | None = None, name: str = "") -> str:
        return f"{numbers} {home and home.street} {name}"

    async with Client(mcp) as client:
        arguments = {"numbers": "[1, 2]", "home": '{"street": "Elm"}', "name": "[3]"}
        assert await client.call_tool("take", arguments) == "[1, 2] Elm [3]"
        with pytest.raises(ToolError, match="valid list"):
            await client.call_tool("take", {"numbers": "one, two"})
        with pytest.raises(ToolError, match=r"input_value='\[\"a\"\]'"):
            await client.call_tool("take", {"numbers": '["a"]'})


@pytest.mark.fastmcp("S-03")
async def test_texts_are_not_read_as_json_otherwise() -> None:
    mcp = FastMCP()

    @mcp.tool
    def take(numbers: list[int]) -> int:
        return len(numbers)

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match="valid list"):
            await client.call_tool("take", {"numbers": "[1, 2]"})


@pytest.mark.fastmcp("T-13")
async def test_a_model_that_refers_to_itself_is_taken_and_given() -> None:
    mcp = FastMCP()

    @mcp.tool
    def grow(node: Node) -> Node:
        return Node(value=node.value + 1, children=[node])

    async with Client(mcp) as client:
        schema = (await client.list_tools())[0].output_schema
        result = await client.call_tool("grow", {"node": {"value": 1, "children": [{"value": 0}]}})

    assert schema is not None
    assert schema["type"] == "object"
    assert result.structured_content == {
        "value": 2,
        "children": [{"value": 1, "children": [{"value": 0, "children": []}]}],
    }


@pytest.mark.fastmcp("T-03")
async def test_a_name_outside_of_the_guidance_is_taken_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    mcp = FastMCP()

    mcp.tool(lambda: 1, name="my tool!")
    mcp.tool(lambda: 1, name="my.tool-1_a")

    assert "'my tool!'" in caplog.text
    assert "my.tool" not in caplog.text
    async with Client(mcp) as client:
        assert len(await client.list_tools()) == 2


@pytest.mark.fastmcp("T-12")
async def test_a_default_that_json_cannot_write_makes_the_parameter_optional() -> None:
    marker = object()

    def take(value: Any = marker) -> bool:
        return value is marker

    mcp = FastMCP()
    mcp.tool(take)

    async with Client(mcp) as client:
        assert (await client.list_tools())[0].input_schema["properties"] == {"value": {}}
        assert await client.call_tool("take") == True  # noqa: E712 - compares the result's data


@pytest.mark.fastmcp("T-01")
def test_a_component_is_told_as_the_protocols_type() -> None:
    mcp = FastMCP()
    mcp.tool(lambda: 1, name="t", tags={"x"})
    mcp.resource("data://r", name="r")(lambda: "r")
    mcp.resource("data://{n}", name="n")(lambda n: n)
    mcp.prompt(lambda: "p", name="p")

    assert mcp.get_tool("t").to_mcp_tool(name="other").name == "other"
    assert mcp.get_resource("data://r").to_mcp_resource().uri == "data://r"
    assert mcp.get_resource_template("data://{n}").to_mcp_template().uri_template == "data://{n}"
    assert mcp.get_prompt("p").to_mcp_prompt().name == "p"


class Husband(BaseModel):
    wife: Wife | None = None


class Wife(BaseModel):
    husband: Husband | None = None


Husband.model_rebuild()


@pytest.mark.fastmcp("T-13", "T-30")
async def test_models_that_refer_to_each_other_are_taken_and_given() -> None:
    mcp = FastMCP()

    @mcp.tool
    def marry(husband: Husband) -> Wife:
        return Wife(husband=husband)

    async with Client(mcp) as client:
        tool = (await client.list_tools())[0]
        result = await client.call_tool("marry", {"husband": {"wife": {"husband": None}}})

    assert sorted(tool.input_schema["$defs"]) == ["Husband", "Wife"]
    assert result.structured_content == {"husband": {"wife": {"husband": None}}}


@pytest.mark.fastmcp("T-12", "T-13")
@pytest.mark.parametrize(
    ("annotation", "why"),
    [
        (Annotated[str, Field(pattern="(")], "regex parse error"),
        (Callable[[int], int], "CallableSchema"),
        (Literal[object()], "Unable to serialize"),
        (3, "Unable to generate"),
    ],
    ids=["pattern", "callable", "literal", "number"],
)
async def test_an_annotation_that_means_nothing_is_an_error_naming_the_tool(annotation: Any, why: str) -> None:
    def take(value: Any) -> int:
        return 1

    take.__annotations__["value"] = annotation

    with pytest.raises(InvalidSignature, match=f"(?s)'take' has a parameter that JSON cannot describe: .*{why}"):
        await schema_of(take)


@pytest.mark.fastmcp("T-12")
async def test_a_required_field_may_stand_behind_a_default() -> None:
    mcp = FastMCP()

    @mcp.tool
    def take(a: int = Field(default=1), b: int = Field(description="needed")) -> int:
        return a + b

    async with Client(mcp) as client:
        assert (await client.list_tools())[0].input_schema["required"] == ["b"]
        assert await client.call_tool("take", {"b": 2}) == 3


@pytest.mark.parametrize("thing", [5, {}], ids=["number", "dictionary"])
def test_what_is_no_function_is_no_tool(thing: Any) -> None:
    with pytest.raises(InvalidSignature, match="A tool is made from a function"):
        FastMCP().tool()(thing)
