"""The sidecar as the command line sees it: an address to ask over HTTP."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

DEFAULT_LISTEN: Final = "127.0.0.1:4318"
TIMEOUT_S: Final = 40.0
_PROBE_S: Final = 10.0
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  # read, not bound


class SidecarError(Exception):
    """The sidecar was not reached or refused; the message is one line that says what to do."""


class AbsentError(SidecarError):
    """Nobody listens at the address."""


class RefusedError(SidecarError):
    """The question itself is wrong: the message says what, and what is allowed."""


class BrokenOffError(SidecarError):
    """The sidecar took the question and did not answer it to its end."""


class UnwellError(SidecarError):
    """A probe answered 503; `told` is the JSON object in which it says what is wrong."""

    def __init__(self, message: str, told: dict[str, Any]) -> None:
        super().__init__(message)
        self.told = told


def default_url(environ: Mapping[str, str]) -> str:
    """The address of the sidecar that the same environment would start."""
    host, _, port = (environ.get("SPANMETER_LISTEN") or DEFAULT_LISTEN).rpartition(":")
    scheme = "https" if environ.get("SPANMETER_TLS_CERT") else "http"
    return f"{scheme}://{_EVERYWHERE.get(host, host)}:{port}"


def query_token(environ: Mapping[str, str]) -> str:
    """The token that the same environment's sidecar asks for, the first of several; empty where there is none."""
    return environ.get("SPANMETER_QUERY_TOKEN", "").partition(",")[0]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of every sub-command that asks the sidecar for an answer in JSON."""
    add_address(parser)
    parser.add_argument("--json", action="store_true", help="print the sidecar's answer as JSON")


def add_address(parser: argparse.ArgumentParser) -> None:
    """The option that says where the sidecar is."""
    parser.add_argument("--url", default=default_url(os.environ), help="the sidecar's address (%(default)s)")


def add_selection(parser: argparse.ArgumentParser, *, since: str = "24h") -> None:
    """Options that select a period and filter by dimensions."""
    text = "start: a length such as 24h or 7d, or RFC 3339 (%(default)s)"
    parser.add_argument("--since", default=since, metavar="TIME", help=text)
    parser.add_argument("--until", default="", metavar="TIME", help="end, now unless given")
    add_filters(parser)


def add_filters(parser: argparse.ArgumentParser) -> None:
    """The option that filters by dimensions."""
    parser.add_argument(
        "--where", action="append", default=[], type=_filter, metavar="DIM=VALUE", help="filter; may be given again"
    )


def selection(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    """The query parameters of the options that `add_selection` added."""
    return [("since", arguments.since), ("until", arguments.until), *arguments.where]


def probe(url: str, path: str) -> dict[str, Any]:
    """What `/health` or `/ready` says, also with the 503 that means that something is wrong.

    Raises:
        SidecarError: No sidecar answers at `url`.
    """
    try:
        return ask(url, path, timeout_s=_PROBE_S)
    except UnwellError as error:
        return error.told


def ask(
    url: str, path: str, query: Iterable[tuple[str, str]] = (), *, method: str = "GET", timeout_s: float = TIMEOUT_S
) -> dict[str, Any]:
    """The JSON answer to `path`, with the token of SPANMETER_QUERY_TOKEN where that is set.

    Raises:
        RefusedError: The question is wrong.
        SidecarError: No sidecar answers at `url`, or it refuses for another reason.
    """
    try:
        with opened(url, path, query, method=method, timeout_s=timeout_s) as response:
            answer = json.load(response)
    except (HTTPException, ValueError):
        answer = None
    except OSError as error:
        raise _silence(url, error) from None
    if not isinstance(answer, dict):
        raise SidecarError(f"{url} is no sidecar: it answered without a JSON object")
    return answer


@contextmanager
def opened(
    url: str, path: str, query: Iterable[tuple[str, str]] = (), *, method: str = "GET", timeout_s: float = TIMEOUT_S
) -> Iterator[HTTPResponse]:
    """The answer to `path` while it comes in; errors as for `ask`."""
    check_address(url)
    token = query_token(os.environ)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    address = f"{url.rstrip('/')}{path}?{urlencode(list(query))}"
    request = Request(address, headers=headers, method=method)  # noqa: S310  # checked above
    try:
        response = urlopen(request, timeout=timeout_s)  # noqa: S310
    except HTTPError as error:
        with error:
            raise _refusal(error) from None
    except OSError as error:
        raise _silence(url, error) from None
    with response:
        yield response


def check_address(url: str) -> None:
    """Raise RefusedError unless this may be the address of a sidecar."""
    if not _is_address(url):
        raise RefusedError(f"--url {url} is no address; allowed: http://host:port or https://host:port")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port above 65535, half an IPv6 address
        return False


def _silence(url: str, error: OSError) -> SidecarError:
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return BrokenOffError(f"{url} has not answered in time; ask for a shorter period, or see the sidecar's log")
    if isinstance(reason, ConnectionResetError):
        return BrokenOffError(f"{url} broke off before its answer was complete; the sidecar's log says why")
    sentence = f"no sidecar answers at {url} ({reason}); start one with: spanmeter up"
    return AbsentError(sentence) if isinstance(reason, ConnectionRefusedError) else SidecarError(sentence)


def _refusal(error: HTTPError) -> SidecarError:
    if error.code == 401:
        sentence = "the sidecar asks for its token; set SPANMETER_QUERY_TOKEN to what the sidecar was started with"
        return SidecarError(sentence)
    try:
        told = json.load(error)
        sentence = str(told["error"])
    except (ValueError, TypeError):
        return _unexplained(error)
    except KeyError:
        unexplained = _unexplained(error)
        return UnwellError(str(unexplained), told) if error.code == 503 else unexplained
    return RefusedError(sentence) if error.code == 400 else SidecarError(sentence)


def _unexplained(error: HTTPError) -> SidecarError:
    parts = urlsplit(error.url)
    told = f"{parts.scheme}://{parts.netloc}{parts.path} answered {error.code} {error.reason}"
    if error.code < 500:
        return SidecarError(f"{told}; is this a sidecar?")
    return BrokenOffError(f"{told}: it was stopped or failed before the answer was complete; its log says why")


def _filter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is no filter; allowed: DIM=VALUE such as model=gpt-4o-mini")
    return name, value
