"""What FastMCP and the MCP SDK call things, and where they live here: the tables of `aliases.py` (FASTMCP 0.1, 0.2).

A module maps each name to `module:attribute`; a text is the module whose `__all__` it has. The spellings of the
document and of FastMCP 2 to 4 stand side by side: later ones are additions.
"""

from __future__ import annotations

from mcp_runtime.framework.storage.names import MODULES as STORAGE

__all__ = ("DECORATING", "MODULES", "PACKAGES")

_FRAMEWORK = "mcp_runtime.framework"
_TYPES = f"{_FRAMEWORK}.types"
_CLIENT = "mcp_runtime.client"
_HANDLERS = f"{_CLIENT}.handlers"
_PROTOCOL_ERRORS = "mcp_runtime.protocol.errors"
_MIDDLEWARE = f"{_FRAMEWORK}.middleware"
_AUTH = f"{_FRAMEWORK}.auth"

PACKAGES = {
    "fastmcp.server.auth": _AUTH,
    "fastmcp.server.middleware": _MIDDLEWARE,
    "fastmcp.client.auth": f"{_CLIENT}.auth",
    "fastmcp.client.transports": f"{_CLIENT}.transports",
}
"""Packages whose modules have the same names here."""

DECORATING = ("fastmcp.tools.tool", "fastmcp.resources.resource", "fastmcp.prompts.prompt")


def _at(home: str, *names: str) -> dict[str, str]:
    return {name: f"{home}:{name}" for name in names}


_SERVER = _at(f"{_FRAMEWORK}.server", "FastMCP") | _at(f"{_FRAMEWORK}.context", "Context")
_MEDIA = _at(f"{_FRAMEWORK}.media", "Image", "Audio", "File")
_DECORATORS = f"{_FRAMEWORK}.decorators"
_TOOLS = _at(f"{_FRAMEWORK}.components", "Tool", "FunctionTool", "ToolResult") | _at(_DECORATORS, "tool")
_RESOURCES = _at(
    f"{_FRAMEWORK}.components",
    "Resource",
    "FunctionResource",
    "ResourceTemplate",
    "FunctionTemplate",
    "TextResource",
    "BinaryResource",
    "FileResource",
    "HttpResource",
    "DirectoryResource",
) | _at(f"{_FRAMEWORK}.resource_contents", "ResourceContent", "ResourceResult")
_RESOURCES["FunctionResourceTemplate"] = f"{_FRAMEWORK}.components:FunctionTemplate"
_RESOURCES |= _at(_DECORATORS, "resource") | _at(f"{_FRAMEWORK}.components.security", "ResourceSecurity")
_PROMPTS = _at(f"{_FRAMEWORK}.components", "Prompt", "FunctionPrompt", "Message", "PromptResult") | _at(
    _TYPES, "PromptArgument", "PromptMessage", "TextContent"
)
_PROMPTS |= _at(_DECORATORS, "prompt")
_SDK_PROMPTS = _PROMPTS | _at(f"{_FRAMEWORK}.components.prompt", "AssistantMessage", "UserMessage")
_ANSWERS = _at(f"{_FRAMEWORK}.asking.elicitation", "AcceptedElicitation", "DeclinedElicitation", "CancelledElicitation")
_ERRORS = _at(
    f"{_FRAMEWORK}.errors",
    "FastMCPError",
    "ToolError",
    "ResourceError",
    "PromptError",
    "NotFoundError",
    "DisabledError",
    "ValidationError",
    "InvalidSignature",
    "ClientError",
)
_LOGGING = {"get_logger": "logging:getLogger"}
_DEPENDENCIES = _at(
    f"{_FRAMEWORK}.dependencies",
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
)
_CHECKS = _at(
    f"{_FRAMEWORK}.components.access", "AuthCheck", "AuthContext", "require_roles", "require_scopes", "restrict_tag"
)
_LIFESPANS = _at(f"{_FRAMEWORK}.lifespan", "lifespan", "combine_lifespans")
_TASKS = _at(f"{_FRAMEWORK}.components.tasks", "TaskConfig")
_APPS = _at(
    f"{_FRAMEWORK}.apps",
    "AppConfig",
    "ResourceCSP",
    "ResourcePermissions",
    "UI_EXTENSION_ID",
    "UI_MIME_TYPE",
    "app_config_to_meta_dict",
)
_CLIENTS = _at(_CLIENT, "Client", "CallToolResult")
_MCP_ERROR = _at(_PROTOCOL_ERRORS, "McpError")

_COMPOSITION = f"{_FRAMEWORK}.composition"
_TRANSFORMED = _at(f"{_COMPOSITION}.arguments", "ArgTransform") | _at(
    f"{_COMPOSITION}.transformed", "TransformedTool", "forward", "forward_raw"
)
_SEARCHES = _at(f"{_COMPOSITION}.searching", "BM25SearchTransform", "BaseSearchTransform", "RegexSearchTransform")
_AS_TOOLS = _at(f"{_COMPOSITION}.as_tools", "PromptsAsTools", "ResourcesAsTools")
_TRANSFORMS = (
    _at(f"{_COMPOSITION}.transforms", "Namespace", "ToolTransform", "Transform", "VersionFilter", "Visibility")
    | _AS_TOOLS
    | _at(f"{_FRAMEWORK}.components.versions", "VersionSpec")
)
_CONFIGS = _at(f"{_COMPOSITION}.transforms", "ArgTransformConfig", "ToolTransformConfig")
_SKILLS = _at(
    f"{_COMPOSITION}.skills",
    "ClaudeSkillsProvider",
    "CodexSkillsProvider",
    "CopilotSkillsProvider",
    "CursorSkillsProvider",
    "GeminiSkillsProvider",
    "GooseSkillsProvider",
    "OpenCodeSkillsProvider",
    "SkillProvider",
    "SkillsDirectoryProvider",
    "VSCodeSkillsProvider",
)
_SOURCES = _at(f"{_COMPOSITION}.providers", "FastMCPProvider", "Provider")
_SOURCES |= _at(f"{_COMPOSITION}.known", "AggregateProvider") | _at(f"{_FRAMEWORK}.local_provider", "LocalProvider")
_SOURCES |= _at(f"{_COMPOSITION}.folders", "FileSystemProvider")
_PROXIES = f"{_COMPOSITION}.proxy"
_OPENAPI = f"{_FRAMEWORK}.openapi"

_PROVIDERS = _at(
    _AUTH,
    "AccessToken",
    "AuthProvider",
    "ClientRegistrationOptions",
    "DebugTokenVerifier",
    "JWTVerifier",
    "MultiAuth",
    "OAuthProvider",
    "OAuthProxy",
    "OIDCProxy",
    "RemoteAuthProvider",
    "RevocationOptions",
    "StaticTokenVerifier",
    "TokenVerifier",
)
_GRANTS = _at(f"{_AUTH}.grants", "AuthorizationCode", "AuthorizationParams", "OAuthToken", "RefreshToken")

MODULES: dict[str, dict[str, str] | str] = {
    "fastmcp": _SERVER | _at(_CLIENT, "Client") | _at(f"{_FRAMEWORK}.settings", "settings", "Settings"),
    "fastmcp.__main__": {},
    "fastmcp.apps": _APPS,
    "fastmcp.apps.config": _APPS,
    "fastmcp.client": _at(_CLIENT, "Client"),
    "fastmcp.client.client": _CLIENTS,
    "fastmcp.client.elicitation": _at(_TYPES, "ElicitResult", "ElicitRequestParams")
    | _at(_HANDLERS, "ElicitationHandler", "RequestContext"),
    "fastmcp.client.logging": _at(_HANDLERS, "LogHandler", "LogMessage"),
    "fastmcp.client.messages": _at(f"{_CLIENT}.messages", "MessageHandler"),
    "fastmcp.client.progress": _at(_HANDLERS, "ProgressHandler"),
    "fastmcp.client.roots": _at(_HANDLERS, "Roots"),
    "fastmcp.client.tasks": _at(f"{_CLIENT}.tasks", "ToolTask"),
    "fastmcp.client.sampling": _at(_TYPES, "SamplingMessage", "CreateMessageResult")
    | _at(_HANDLERS, "RequestContext", "SamplingHandler")
    | {"SamplingParams": f"{_TYPES}:CreateMessageRequestParams"},
    "fastmcp.dependencies": _DEPENDENCIES,
    "fastmcp.exceptions": _ERRORS | _MCP_ERROR,
    "fastmcp.prompts": _PROMPTS,
    "fastmcp.prompts.base": _PROMPTS,
    "fastmcp.prompts.function_prompt": _PROMPTS,
    "fastmcp.prompts.prompt": _PROMPTS,
    "fastmcp.resources": _RESOURCES,
    "fastmcp.resources.base": _RESOURCES,
    "fastmcp.resources.function_resource": _RESOURCES,
    "fastmcp.resources.resource": _RESOURCES,
    "fastmcp.resources.security": _RESOURCES,
    "fastmcp.resources.template": _RESOURCES,
    "fastmcp.resources.types": _RESOURCES,
    "fastmcp.experimental": {},
    "fastmcp.experimental.server": {},
    "fastmcp.experimental.server.openapi": _OPENAPI,
    "fastmcp.server": _SERVER | _at(_PROXIES, "create_proxy"),
    "fastmcp.server.auth": _CHECKS | _PROVIDERS,
    "fastmcp.server.auth.auth": _PROVIDERS,
    "fastmcp.server.auth.providers": {},
    "fastmcp.server.middleware": _MIDDLEWARE,
    "fastmcp.server.middleware.errors": f"{_MIDDLEWARE}.error_handling",
    "fastmcp.server.middleware.middleware": f"{_MIDDLEWARE}.base",
    "fastmcp.server.middleware.ratelimit": f"{_MIDDLEWARE}.rate_limiting",
    "fastmcp.server.context": _at(f"{_FRAMEWORK}.context", "Context") | _ANSWERS,
    "fastmcp.server.sampling": _at(f"{_FRAMEWORK}.asking.sampling", "SampleStep", "SamplingResult"),
    "fastmcp.server.sessions": f"{_FRAMEWORK}.state",
    "fastmcp.server.dependencies": _DEPENDENCIES,
    "fastmcp.server.elicitation": _ANSWERS,
    "fastmcp.server.lifespan": _LIFESPANS,
    "fastmcp.server.openapi": _OPENAPI,
    "fastmcp.server.openapi.components": f"{_OPENAPI}.components",
    "fastmcp.server.openapi.routing": f"{_OPENAPI}.routing",
    "fastmcp.server.providers": _SOURCES | _SKILLS | _at(_PROXIES, "ProxyProvider") | _at(_OPENAPI, "OpenAPIProvider"),
    "fastmcp.server.providers.base": _SOURCES,
    "fastmcp.server.providers.aggregate": _SOURCES,
    "fastmcp.server.providers.fastmcp_provider": _SOURCES,
    "fastmcp.server.providers.filesystem": _SOURCES,
    "fastmcp.server.providers.local_provider": _SOURCES,
    "fastmcp.server.providers.openapi": _OPENAPI,
    "fastmcp.server.providers.openapi.routing": f"{_OPENAPI}.routing",
    "fastmcp.server.providers.proxy": _PROXIES,
    "fastmcp.server.providers.skills": _SKILLS,
    "fastmcp.server.providers.skills.claude_provider": _SKILLS,
    "fastmcp.server.providers.skills.directory_provider": _SKILLS,
    "fastmcp.server.providers.skills.skill_provider": _SKILLS,
    "fastmcp.server.providers.skills.vendor_providers": _SKILLS,
    "fastmcp.server.proxy": _PROXIES,
    "fastmcp.server.server": _SERVER | _at(_PROXIES, "create_proxy"),
    "fastmcp.server.tasks": _TASKS,
    "fastmcp.server.tasks.config": _TASKS,
    "fastmcp.server.transforms": _TRANSFORMS,
    "fastmcp.server.transforms.namespace": _TRANSFORMS,
    "fastmcp.server.transforms.prompts_as_tools": _AS_TOOLS,
    "fastmcp.server.transforms.resources_as_tools": _AS_TOOLS,
    "fastmcp.server.transforms.search": _SEARCHES,
    "fastmcp.server.transforms.search.base": _SEARCHES,
    "fastmcp.server.transforms.search.bm25": _SEARCHES,
    "fastmcp.server.transforms.search.regex": _SEARCHES,
    "fastmcp.server.transforms.tool_transform": _TRANSFORMS | _CONFIGS,
    "fastmcp.server.transforms.version_filter": _TRANSFORMS,
    "fastmcp.server.transforms.visibility": _TRANSFORMS,
    "fastmcp.settings": _at(f"{_FRAMEWORK}.settings", "Settings"),
    "fastmcp.tools": _TOOLS | _TRANSFORMED,
    "fastmcp.tools.base": _TOOLS,
    "fastmcp.tools.function_tool": _TOOLS,
    "fastmcp.tools.tool": _TOOLS,
    "fastmcp.tools.tool_transform": _TRANSFORMED | _CONFIGS,
    "fastmcp.utilities": {},
    "fastmcp.utilities.authorization": _CHECKS,
    "fastmcp.utilities.lifespan": _LIFESPANS,
    "fastmcp.utilities.openapi": f"{_OPENAPI}.documents",
    "fastmcp.utilities.logging": _LOGGING,
    "fastmcp.utilities.tasks": _TASKS,
    "fastmcp.utilities.types": _MEDIA,
    "fastmcp.utilities.versions": _at(f"{_FRAMEWORK}.components.versions", "VersionSpec"),
    "mcp": _MCP_ERROR,
    "mcp.server": {},
    "mcp.server.auth": {},
    "mcp.server.auth.provider": _GRANTS
    | _at(f"{_AUTH}.errors", "AuthorizeError", "RegistrationError", "TokenError")
    | _at(_AUTH, "AccessToken"),
    "mcp.server.auth.settings": _at(_AUTH, "ClientRegistrationOptions", "RevocationOptions"),
    "mcp.server.fastmcp": _SERVER | _MEDIA,
    "mcp.server.fastmcp.server": _SERVER,
    "mcp.server.fastmcp.utilities": {},
    "mcp.server.fastmcp.utilities.logging": _LOGGING,
    "mcp.server.fastmcp.utilities.types": _MEDIA,
    "mcp.server.fastmcp.exceptions": _ERRORS,
    "mcp.server.fastmcp.prompts": _SDK_PROMPTS,
    "mcp.server.fastmcp.prompts.base": _SDK_PROMPTS,
    "mcp.shared": {},
    "mcp.shared.auth": _at(f"{_AUTH}.grants", "OAuthToken")
    | {"OAuthClientInformationFull": f"{_AUTH}.grants:OAuthClient"},
    "mcp.shared.context": _at(_HANDLERS, "RequestContext"),
    "mcp.shared.exceptions": _MCP_ERROR,
    "mcp.types": _TYPES,
    "mcp_types": _TYPES,
    **STORAGE,
}
