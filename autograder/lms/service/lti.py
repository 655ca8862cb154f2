"""pylti1p3 with its gaps closed: nonces that count once, keys and tokens cached by client, time-outs and retries."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import jwt
import requests
from pylti1p3.assignments_grades import AssignmentsGradesService
from pylti1p3.deployment import Deployment
from pylti1p3.exception import LtiException, LtiServiceException
from pylti1p3.message_launch import MessageLaunch
from pylti1p3.names_roles import NamesRolesProvisioningService
from pylti1p3.registration import Registration
from pylti1p3.request import Request
from pylti1p3.roles import DesignerRole, StudentRole, TeacherRole, TeachingAssistantRole
from pylti1p3.service_connector import ServiceConnector
from pylti1p3.tool_config.abstract import ToolConfAbstract
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from autograder.lms.service.platforms import Platform, SigningKey

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
AGS_CLAIM = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
AGS_SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/"
NRPS_CLAIM = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
NRPS_SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
DEEP_LINK_CLAIM = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"
SCOPES = [f"{AGS_SCOPE}{name}" for name in ("score", "result.readonly", "lineitem")] + [NRPS_SCOPE]

_LEEWAY = 30.0
"""Seconds by which a platform's clock may differ."""
_AFTER_FAILURE = 5.0
"""Seconds until keys that couldn't be fetched are tried again."""
_REQUIRED = ["iss", "aud", "sub", "exp", "iat", "nonce"]


_TEACHERS: tuple[Any, ...] = (TeacherRole, TeachingAssistantRole, DesignerRole)
_STUDENTS: tuple[Any, ...] = (StudentRole,)


class LaunchError(Exception):
    """A launch that is refused; the message says why, to an administrator."""


class Http(requests.Session):
    """Requests to platforms: each has a time limit, what only reads is tried again, redirects aren't followed."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self.headers["User-Agent"] = "autograder"
        retry = Retry(total=2, backoff_factor=0.3, status_forcelist=(502, 503, 504), allowed_methods=("GET",))
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(max_retries=retry, pool_maxsize=8))

    def request(self, *args: Any, **options: Any) -> requests.Response:
        """As `requests` does it, with a time limit."""
        options.setdefault("timeout", (min(5.0, self._seconds), self._seconds))
        options["allow_redirects"] = False
        return super().request(*args, **options)


class KeySets:
    """Platforms' public keys: kept for ten minutes, fetched anew for an unknown key, but once a minute at most."""

    def __init__(self, http: Http, lifetime: float = 600.0, pause: float = 60.0) -> None:
        self._http = http
        self._lifetime = lifetime
        self._pause = pause
        self._sets: dict[str, tuple[float, dict[str, Any]]] = {}
        self._failed: dict[str, float] = {}
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def key(self, url: str, kid: str) -> Any:
        """The RSA key `kid` of the key set at `url`.

        Raises:
            LaunchError: the set has no such key, or can't be fetched.
        """
        with self._lock:
            lock = self._locks.setdefault(url, threading.Lock())
        with lock:
            fetched, known = self._sets.get(url, (0.0, {}))
            age = time.monotonic() - fetched
            if not fetched or age > self._lifetime or (kid not in known and age > self._pause):
                # A platform that hangs must not hold up everybody, one after the other.
                if time.monotonic() - self._failed.get(url, -_AFTER_FAILURE) < _AFTER_FAILURE:
                    raise LaunchError("the platform's keys couldn't be fetched a moment ago")
                try:
                    known = self._fetch(url)
                except LaunchError:
                    self._failed[url] = time.monotonic()
                    raise
                self._sets[url] = (time.monotonic(), known)
        if kid not in known:
            raise LaunchError("the id token is signed with a key that the platform doesn't publish")
        return known[kid]

    def _fetch(self, url: str) -> dict[str, Any]:
        try:
            answer = self._http.get(url)
            answer.raise_for_status()
            keys = jwt.PyJWKSet.from_dict(answer.json()).keys
        except (requests.RequestException, ValueError, AttributeError, jwt.PyJWTError) as error:
            raise LaunchError(f"the platform's keys can't be fetched: {type(error).__name__}") from None
        return {key.key_id: key.key for key in keys if key.key_id and key.key_type == "RSA"}


class _Tool(ToolConfAbstract[Request]):
    """What pylti1p3 asks of a tool's configuration, answered for the one platform that the login named."""

    def __init__(self, platform: Platform, registration: Registration, knows_deployment: bool) -> None:
        super().__init__()
        self._platform = platform
        self._registration = registration
        self._knows_deployment = knows_deployment

    def check_iss_has_one_client(self, iss: str) -> bool:
        return False

    def check_iss_has_many_clients(self, iss: str) -> bool:
        return True

    def find_registration_by_issuer(self, iss: str, *args: Any, **kwargs: Any) -> Registration:
        raise LtiException("registrations are found by issuer and client")

    def find_registration_by_params(self, iss: str, client_id: str, *args: Any, **kwargs: Any) -> Registration:
        if (iss, client_id) != (self._platform.issuer, self._platform.client_id):
            raise LtiException("the id token is another platform's, or meant for another tool")
        return self._registration

    def find_deployment(self, iss: str, deployment_id: str) -> Deployment | None:
        raise LtiException("deployments are found by issuer and client")

    def find_deployment_by_params(
        self, iss: str, deployment_id: str, client_id: str, *args: Any, **kwargs: Any
    ) -> Deployment | None:
        return Deployment().set_deployment_id(deployment_id) if self._knows_deployment else None


class _NoRequest(Request):
    """pylti1p3 wants a request; what it would look up there is in the form."""

    def get_param(self, key: str) -> str:
        return ""

    def is_secure(self) -> bool:
        return True


class _Launch(MessageLaunch):  # type: ignore[type-arg]
    """A launch whose state and browser have been checked; what is left is the token's business."""

    def __init__(self, form: Mapping[str, str], tool: _Tool, nonce: str, keys: KeySets, platform: Platform) -> None:
        super().__init__(_NoRequest(), tool, session_service=object(), cookie_service=object())
        self._form = form
        self._nonce = nonce
        self._keys = keys
        self._platform = platform

    def _get_request_param(self, key: str) -> str:
        return self._form.get(key, "")

    def validate_state(self) -> _Launch:
        return self

    def validate_nonce(self) -> _Launch:
        # The login that holds the nonce was used up when its state was: it can't come again.
        if self._jwt["body"].get("nonce") != self._nonce:
            raise LtiException("the nonce isn't that of this login")
        return self

    def validate_jwt_signature(self) -> _Launch:
        header = self._jwt["header"]
        if header.get("alg") != "RS256":
            raise LtiException("the id token isn't signed with RS256")
        key = self._keys.key(self._platform.jwks_url, str(header.get("kid", "")))
        body = jwt.decode(
            self._get_id_token(),
            key,
            algorithms=["RS256"],
            audience=self._platform.client_id,
            issuer=self._platform.issuer,
            leeway=_LEEWAY,
            options={"require": _REQUIRED},
        )
        if isinstance(body["aud"], list) and len(body["aud"]) > 1 and body.get("azp") != self._platform.client_id:
            raise LtiException("the id token is meant for several tools and doesn't say that this is one of them")
        return self

    def save_launch_data(self) -> _Launch:
        return self


def launch_claims(
    form: Mapping[str, str],
    platform: Platform,
    nonce: str,
    keys: KeySets,
    knows_deployment: Any,
) -> dict[str, Any]:
    """The claims of a launch's id token, every one of them checked.

    Args:
        form: the launch's form, with `id_token`.
        platform: the one that the login named.
        nonce: the login's.
        keys: the platforms' keys.
        knows_deployment: tells of a deployment id whether it is the platform's.

    Raises:
        LaunchError: something about the token is wrong.
    """
    try:
        unverified = jwt.decode(form.get("id_token", ""), options={"verify_signature": False})
        deployment = unverified.get(f"{CLAIM}deployment_id")
        registration = Registration().set_client_id(platform.client_id).set_issuer(platform.issuer)
        tool = _Tool(platform, registration, isinstance(deployment, str) and knows_deployment(deployment))
        launch = _Launch(form, tool, nonce, keys, platform)
        launch.validate()
        return dict(launch.get_launch_data())
    except (LtiException, jwt.PyJWTError) as error:
        raise LaunchError(str(error) or type(error).__name__) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LaunchError(f"the id token isn't built as it must be: {type(error).__name__}") from None


def role_in(claims: Mapping[str, Any]) -> str:
    """The person's role in the course, as platforms say it: teacher, student or none."""
    if any(role(claims).check() for role in _TEACHERS):
        return "teacher"
    return "student" if any(role(claims).check() for role in _STUDENTS) else "none"


class Connector(ServiceConnector):
    """Requests to a platform's services in the service's own name."""

    def __init__(self, registration: Registration, http: Http, tokens: dict[str, tuple[str, float]]) -> None:
        super().__init__(registration, http)
        self._tokens = tokens

    def _scope_key(self, scopes: Any) -> str:
        return " ".join([str(self._registration.get_issuer()), str(self._registration.get_client_id()), *scopes])

    def _get_cached_access_token(self, scope_key: str) -> str | None:
        token, expires = self._tokens.get(scope_key, ("", 0.0))
        return token if time.monotonic() < expires else None

    def _cache_access_token(self, scope_key: str, access_token: str, expires_in: float) -> None:
        # Half a minute early: a token mustn't end on its way.
        self._tokens[scope_key] = (access_token, time.monotonic() + float(expires_in) - 30.0)

    def forget_tokens(self) -> None:
        """Ask for new ones: the platform didn't want these."""
        prefix = self._scope_key([])
        for key in [key for key in self._tokens if key.startswith(prefix)]:
            del self._tokens[key]


class Services:
    """A platform's services: grades and members."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._tokens: dict[str, tuple[str, float]] = {}

    def connector(self, platform: Platform, key: SigningKey) -> Connector:
        """Requests to `platform`, signed with `key`."""
        registration = registration_of(platform, key)
        return Connector(registration, self._http, self._tokens)

    def grades(self, platform: Platform, key: SigningKey, endpoint: dict[str, Any]) -> AssignmentsGradesService:
        """The platform's assignment and grade services; `endpoint` is what the launch's claim said."""
        return AssignmentsGradesService(self.connector(platform, key), endpoint)  # type: ignore[arg-type]

    def members(self, platform: Platform, key: SigningKey, url: str) -> list[dict[str, Any]]:
        """All members of a course.

        Raises:
            LtiServiceException, requests.RequestException: the platform didn't answer as it should.
        """
        service = NamesRolesProvisioningService(self.connector(platform, key), {"context_memberships_url": url})
        return list(service.get_members())  # type: ignore[arg-type]


def registration_of(platform: Platform, key: SigningKey) -> Registration:
    """A platform as pylti1p3 has it."""
    registration = Registration().set_issuer(platform.issuer).set_client_id(platform.client_id)
    registration.set_auth_token_url(platform.token_url).set_auth_login_url(platform.login_url)
    if platform.audience:
        registration.set_auth_audience(platform.audience)
    return registration.set_tool_private_key(key.private).set_tool_public_key(key.public)


def below(url: str, name: str, **query: str) -> str:
    """`url` with a segment after its path, before its query, and more query."""
    path, _, old = url.partition("?")
    joined = "&".join(filter(None, (old, urlencode(query))))
    return f"{path.rstrip('/')}/{name}{'?' if joined else ''}{joined}"


__all__ = [
    "AGS_CLAIM",
    "AGS_SCOPE",
    "CLAIM",
    "DEEP_LINK_CLAIM",
    "NRPS_CLAIM",
    "NRPS_SCOPE",
    "SCOPES",
    "Http",
    "KeySets",
    "LaunchError",
    "LtiException",
    "LtiServiceException",
    "Services",
    "below",
    "launch_claims",
    "registration_of",
    "role_in",
]
