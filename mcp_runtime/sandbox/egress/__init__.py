"""The way out of a sandbox: a CONNECT proxy with an allow-list, in a process of its own (SANDBOX 5).

`python -m mcp_runtime.sandbox.egress` is that process; `EgressProxy` is how the runner starts and tells it.
"""

from mcp_runtime.sandbox.egress.proxy import EgressProxy
from mcp_runtime.sandbox.egress.settings import EgressLimits
from mcp_runtime.sandbox.egress.targets import Grant

__all__ = ("EgressLimits", "EgressProxy", "Grant")
