"""FastMCP 2.x: middleware of its own, and what comes with the library."""

from fastmcp import FastMCP
from fastmcp.server.middleware import Middleware, MiddlewareContext
from fastmcp.server.middleware.caching import ResponseCachingMiddleware
from fastmcp.server.middleware.error_handling import ErrorHandlingMiddleware, RetryMiddleware
from fastmcp.server.middleware.logging import StructuredLoggingMiddleware
from fastmcp.server.middleware.rate_limiting import RateLimitingMiddleware
from fastmcp.server.middleware.timing import TimingMiddleware

runs = 0
mcp = FastMCP("Careful")


class Shout(Middleware):
    async def on_call_tool(self, context: MiddlewareContext, call_next):
        if context.message.name == "greet":
            context.message.arguments["name"] = context.message.arguments["name"].upper()
        return await call_next(context)


mcp.add_middleware(ErrorHandlingMiddleware())
mcp.add_middleware(RetryMiddleware(max_retries=2, base_delay=0.01))
mcp.add_middleware(RateLimitingMiddleware(max_requests_per_second=50))
mcp.add_middleware(TimingMiddleware())
mcp.add_middleware(StructuredLoggingMiddleware())
mcp.add_middleware(ResponseCachingMiddleware())
mcp.add_middleware(Shout())


@mcp.tool
def greet(name: str) -> str:
    return f"Hello, {name}"


@mcp.tool
def flaky() -> int:
    """Works the third time."""
    global runs  # noqa: PLW0603
    runs += 1
    if runs < 3:
        raise ConnectionError("not yet")
    return runs
