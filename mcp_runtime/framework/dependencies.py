"""What a function can ask for without declaring it as an argument (FASTMCP C-01, C-20 to C-22).

    @mcp.tool
    async def orders(limit: int, db: Database = Depends(get_db), user: str = TokenClaim("sub")) -> list[Order]: ...

The parameters `db` and `user` are filled by the framework, appear in no schema, and cannot be sent by a client.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Collection, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from mcp_runtime.framework.auth.tokens import AccessToken, current_access_token
from mcp_runtime.framework.context import Context, current_context
from mcp_runtime.framework.errors import InvalidSignature
from mcp_runtime.framework.functions.calling import invoke
from mcp_runtime.framework.functions.injection import Dependency, Scope
from mcp_runtime.framework.functions.signature import Signature, callable_name
from mcp_runtime.framework.http_request import headers_of, request_of
from mcp_runtime.framework.lifespan import Lifespan

__all__ = (
    "AccessToken",
    "CallArgument",
    "CurrentAccessToken",
    "CurrentContext",
    "CurrentFastMCP",
    "CurrentHeaders",
    "CurrentRequest",
    "Dependency",
    "Depends",
    "Progress",
    "Shared",
    "TokenClaim",
    "get_access_token",
    "get_context",
    "get_http_headers",
    "get_http_request",
    "token_of",
)

_NOTHING: Any = object()


def get_context() -> Context:
    """The Context of the request being answered. Raises RuntimeError outside of one."""
    context = current_context()
    if context is None:
        raise RuntimeError("No active context found.")
    return context


def get_access_token() -> AccessToken | None:
    """Who calls; None where nobody was authenticated."""
    context = current_context()
    return current_access_token.get() if context is None else token_of(context)


def token_of(context: Context) -> AccessToken | None:
    """Who calls in this request: as the server's own provider verified it, or as the platform did."""
    verified: AccessToken | None = getattr(context.exchange, "access_token", None) or current_access_token.get()
    if verified is not None:
        return verified
    caller = context.exchange.caller
    if not caller.subject:
        return None
    return AccessToken("", caller.client_id, list(caller.scopes), None, {"sub": caller.subject})


def get_http_headers(include_all: bool = False, include: Collection[str] = ()) -> dict[str, str]:
    """The request's HTTP headers, by lower-case names; empty where it did not come by HTTP (FASTMCP C-21).

    Credentials (`authorization`, `cookie` and their like) and what concerns the connection alone are left out, unless
    `include` names them or `include_all` is true: never hand them on to another server.
    """
    return headers_of(current_context(), include_all=include_all, include=include)


def get_http_request() -> Any:
    """The HTTP request, an object with `headers`, `method` and `url` (FASTMCP C-20). Raises RuntimeError off HTTP."""
    request = request_of(current_context())
    if request is None:
        raise RuntimeError("No active HTTP request found: this call did not come by HTTP, or came without its request.")
    return request


# Defaults of parameters. They are typed as Any, so that `db: Database = Depends(get_db)` satisfies a type checker.


def Depends(factory: Callable[..., Any], *, use_cache: bool = True, **bindings: Any) -> Any:  # noqa: N802 - its name
    """What `factory` returns, yields, or opens as a context manager; once per call, closed when the call is over.

    The factory may be synchronous (it runs in a thread) or not, and may have dependencies itself. `bindings` are
    values, or dependencies, for its parameters.
    """
    return _Depends(factory, bindings, use_cache=use_cache)


def Shared(factory: Callable[..., Any]) -> Any:  # noqa: N802
    """What `factory` makes once for the server, whoever calls; closed when the server stops. The same factory gives the
    same value wherever it is asked for. It may need other shared values, and nothing of a call."""
    return _Shared(factory, {}, use_cache=True)


def CurrentContext() -> Any:  # noqa: N802
    """The Context of the request. Outside of one the call fails."""
    return _Current(lambda scope: scope.context or get_context())


def CurrentFastMCP() -> Any:  # noqa: N802
    """The server that answers."""
    return _Current(lambda scope: (scope.context or get_context()).fastmcp)


def CurrentRequest() -> Any:  # noqa: N802
    """The HTTP request, as `get_http_request()` gives it."""
    return _Current(lambda scope: get_http_request())


def CurrentHeaders() -> Any:  # noqa: N802
    """The HTTP headers, as `get_http_headers()` gives them."""
    return _Current(lambda scope: get_http_headers())


def CurrentAccessToken() -> Any:  # noqa: N802
    """Who calls. The call fails where nobody was authenticated."""
    return _Current(lambda scope: _caller())


def TokenClaim(name: str) -> Any:  # noqa: N802
    """One claim of who calls, as in `TokenClaim("sub")`. The call fails where the claim is absent."""
    return _Current(lambda scope: _claim(name))


def CallArgument(  # noqa: N802
    parameter: str | None = None, optional: bool = False, *, default: Any = _NOTHING
) -> Any:
    """An argument of the component's call, for the function given to Depends(); by the name of its own parameter."""
    return _CallArgument(parameter, None if optional and default is _NOTHING else default)


class Progress(Dependency):
    """How far a call is, counted up: `progress: Progress = Progress()`, then `await progress.increment()`."""

    def __init__(self) -> None:
        self.current = 0.0
        self.total: float | None = None
        self.message: str | None = None
        self._context: Context | None = None

    async def resolve(self, scope: Scope, parameter: str) -> Progress:
        """A counter of this call's own."""
        progress = Progress()
        progress._context = scope.context or current_context()
        return progress

    async def set_total(self, total: float) -> None:
        if total <= 0:
            raise ValueError("set_total() takes a number above zero.")
        self.total = total
        await self._report()

    async def increment(self, amount: float = 1) -> None:
        if amount <= 0:
            raise ValueError("increment() takes a number above zero.")
        self.current += amount
        await self._report()

    async def set_message(self, message: str | None) -> None:
        self.message = message
        await self._report()

    async def _report(self) -> None:
        if self._context is not None:
            await self._context.report_progress(self.current, self.total, self.message)


class _Current(Dependency):
    def __init__(self, get: Callable[[Scope], Any]) -> None:
        self._get = get

    async def resolve(self, scope: Scope, parameter: str) -> Any:
        return self._get(scope)


class _CallArgument(Dependency):
    def __init__(self, parameter: str | None, default: Any) -> None:
        self._parameter = parameter
        self._default = default

    async def resolve(self, scope: Scope, parameter: str) -> Any:
        name = self._parameter or parameter
        if name in scope.arguments or name in scope.pending:
            return await scope.argument(name)
        if self._default is not _NOTHING:
            return self._default
        raise InvalidSignature(f"CallArgument() asks for {name!r}, which is no argument of the call.")


class _Depends(Dependency):
    def __init__(self, factory: Callable[..., Any], bindings: dict[str, Any], *, use_cache: bool) -> None:
        if not callable(factory):
            raise TypeError(f"Depends() takes the function that makes the value, not {type(factory).__name__}.")
        self._factory = factory
        self._bindings = bindings
        self._use_cache = use_cache
        # Read where it is written: the names its annotations use are looked up from here.
        self._signature = Signature(factory, noun="dependency")
        self._check()

    def _check(self) -> None:
        parameters = {parameter.name: parameter for parameter in self._signature.plain_parameters()}
        if unknown := sorted(self._bindings.keys() - self._signature.names):
            raise TypeError(f"Depends() binds {', '.join(unknown)}, which {self._name} does not take.")
        for name, parameter in parameters.items():
            if parameter.default is parameter.empty and name not in self._bindings:
                raise InvalidSignature(
                    f"The dependency {self._name} needs {name!r}, which nobody gives it: give the parameter a default, "
                    f"as in `{name} = Depends(...)` or `{name} = CallArgument()`, or bind it: Depends(…, {name}=…)."
                )

    @property
    def _name(self) -> str:
        return repr(callable_name(self._factory) or "of a lambda")

    @property
    def _key(self) -> Hashable:
        """What shares a value within one call: the same function with the same bindings."""
        try:
            hash(bound := tuple(sorted(self._bindings.items(), key=lambda item: item[0])))
        except TypeError:
            return self
        return (self._factory, bound)

    async def resolve(self, scope: Scope, parameter: str) -> Any:
        make = functools.partial(self._made, scope)
        return await (scope.once(self._key, make) if self._use_cache else make())

    async def _made(self, scope: Scope) -> Any:
        values: dict[str, Any] = {}
        for name, given in {**self._signature.dependencies, **self._bindings}.items():
            values[name] = await given.resolve(scope, name) if isinstance(given, Dependency) else given
        generator = inspect.unwrap(self._factory)
        simple = inspect.isgeneratorfunction(generator) or inspect.isasyncgenfunction(generator)
        call = self._signature.bind(values, scope.context or current_context())
        value = call() if simple else await invoke(call, is_async=self._signature.is_async)
        return await _entered(value, scope)


class _Shared(_Depends):
    async def resolve(self, scope: Scope, parameter: str) -> Any:
        server = (scope.context or get_context()).outermost.fastmcp
        life = server.shared.get(self._key)
        if life is None:
            life = server.shared[self._key] = Lifespan(server, self._life)
        await life.start()
        return life.value[0]

    @asynccontextmanager
    async def _life(self, server: Any) -> AsyncIterator[tuple[Any]]:
        async with AsyncExitStack() as stack:
            yield (await self._made(Scope(stack, None, {})),)


async def _entered(value: Any, scope: Scope) -> Any:
    """The value itself, or what it gives when it is a generator or a context manager; left when the call is over."""
    from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager

    if inspect.isasyncgen(value):
        return await scope.stack.enter_async_context(asynccontextmanager(lambda: value)())
    if inspect.isgenerator(value):
        return scope.stack.enter_context(contextmanager(lambda: value)())
    if isinstance(value, AbstractAsyncContextManager):
        return await scope.stack.enter_async_context(value)
    if isinstance(value, AbstractContextManager):
        return scope.stack.enter_context(value)
    return value


def _caller() -> AccessToken:
    token = get_access_token()
    if token is None:
        raise RuntimeError("No access token found: the caller was not authenticated.")
    return token


def _claim(name: str) -> Any:
    claims = _caller().claims
    if name not in claims:
        raise RuntimeError(f"The access token has no claim {name!r}; it has {', '.join(sorted(claims)) or 'none'}.")
    return claims[name]
