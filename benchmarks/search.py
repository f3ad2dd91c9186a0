"""What a search over an endpoint's tools finds, and what it saves: recall on labelled queries, and tokens.

    python -m benchmarks.search [--misses]

The tools are those of seven APIs whose documents ship in public packages (tests/controlplane/registry/documents), each
prefixed as an endpoint prefixes it, behind the gateway's own search. A query is found at k when one of the tools that
do it is among the first k. The second time there are 1,223 tools of another API beside them, of names alone.

A token is taken for four bytes of compact JSON: tokenizers differ, and the ratio of two lists hardly depends on it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks.results import verdict
from benchmarks.search_queries import LABELLED
from controlplane.composition.naming import prefixed
from controlplane.registry.openapi.operations import imported
from controlplane.registry.openapi.settings import ApiSettings
from mcp_runtime.gateway.searching import SHOWN, USUAL, Search
from mcp_runtime.ports.plans import Component

DOCUMENTS = Path(__file__).parent.parent / "tests" / "controlplane" / "registry" / "documents"
APIS = ("figma", "readme", "star-trek", "train-travel", "scalar-galaxy", "petstore", "uspto")
CROWD = "github"
BYTES_OF_A_TOKEN = 4
DEPTHS = (1, 5, 10)
RECALL_GOAL = {1: 50.0, 5: 75.0, 10: 75.0}
SHARE_GOAL = 5.0
"""Percent of the list's tokens that are left."""


def tools_of(*names: str) -> list[Component]:
    """The tools of these documents, as an endpoint of them shows its own."""
    found = []
    for member, name in enumerate(names):
        document = json.loads(gzip.decompress((DOCUMENTS / f"{name}.json.gz").read_bytes()))
        for tool in imported(document, ApiSettings(base_url="https://api.example.com")).manifest.tools:
            own = str(tool["name"])
            found.append(Component({**tool, "name": prefixed(name, own)}, member, own))
    return found


def ranks(tools: Sequence[Component]) -> dict[str, int]:
    """For each query the place of the first tool that does it; 0 where it is not among the first of DEPTHS."""
    search = Search(tools, {})
    places = {}
    for query, wanted in LABELLED.items():
        names = [tool["name"] for tool in json.loads(_answer(search, query, DEPTHS[-1]))["tools"]]
        right = (place for place, name in enumerate(names, 1) if any(fnmatchcase(name, one) for one in wanted))
        places[query] = next(right, 0)
    return places


def recall(places: dict[str, int], depth: int) -> float:
    """Percent of the queries that are found at this depth."""
    return 100 * sum(0 < place <= depth for place in places.values()) / len(places)


def tokens(tools: Sequence[Component]) -> float:
    listed = [tool.definition for tool in tools]
    return len(json.dumps(listed, separators=(",", ":"), ensure_ascii=False).encode()) / BYTES_OF_A_TOKEN


def answered(tools: Sequence[Component]) -> float:
    """Tokens of the answer to a usual search, on average."""
    search = Search(tools, {})
    sizes = [len(_answer(search, query, USUAL)) for query in LABELLED]
    return sum(sizes) / len(sizes) / BYTES_OF_A_TOKEN


def _answer(search: Search, query: str, limit: int) -> bytes:
    return bytes(search.find({"query": query, "limit": limit}, {}).structured_content or b"")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--misses", action="store_true", help="print the queries that are not found at 5")
    options = parser.parse_args()
    tools = tools_of(*APIS)
    places = ranks(tools)
    crowded = ranks([*tools, *tools_of(CROWD)])
    if options.misses:
        for query, place in places.items():
            if not 0 < place <= USUAL:
                print(f"  {place or 'none':>4}  {query}")
    whole, shown = tokens(tools), tokens(SHOWN)
    print(f"{len(LABELLED)} queries over {len(tools)} tools; {whole:.0f} tokens listed, {shown:.0f} for the two tools,")
    print(f"and {answered(tools):.0f} for the answer to a search; recall in a crowd: ", end="")
    print(", ".join(f"{recall(crowded, depth):.0f} % at {depth}" for depth in DEPTHS))
    met = [
        verdict(f"recall at {depth}, {len(tools)} tools", recall(places, depth), goal, "%", at_least=True)
        for depth, goal in RECALL_GOAL.items()
    ]
    met.append(verdict("tokens of the two tools, of the whole list", 100 * shown / whole, SHARE_GOAL, "%"))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
