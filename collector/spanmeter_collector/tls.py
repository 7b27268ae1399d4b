"""TLS for both doors: the certificate in use, read again when its files change, so that a renewal needs no restart."""

from __future__ import annotations

import logging
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import grpc  # type: ignore[import-untyped]
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from spanmeter_collector.setting import SettingError
from spanmeter_collector.tls_files import Stamp, TlsFiles

_MISMATCH: Final = "KEY_VALUES_MISMATCH"
_GOODBYE_S: Final = 0.2
_logger = logging.getLogger(__name__)


class TlsProtocol(HttpToolsProtocol):
    """HTTP over TLS that ends in time: idle clients rarely answer a goodbye, and asyncio waits 30 s for each."""

    def shutdown(self) -> None:
        """End the connection, or let the answer under way be its last."""
        super().shutdown()
        if self.transport.is_closing():
            self.loop.call_later(_GOODBYE_S, self.transport.abort)


@dataclass(frozen=True, slots=True)
class _Loaded:
    context: ssl.SSLContext
    configuration: grpc.ServerCertificateConfiguration
    stamp: Stamp


class Tls:
    """What the doors need to speak TLS 1.2 or later; safe to share between threads.

    Files that cannot be used after a change are logged once, and the last good ones go on.
    """

    def __init__(self, files: TlsFiles, loaded: _Loaded) -> None:
        self._files = files
        self._loaded = loaded
        self._tried = loaded.stamp
        self._lock = threading.Lock()

    @classmethod
    def open(cls, files: TlsFiles) -> Self:
        """Read the files.

        Raises:
            SettingError: one of them cannot be used; the message names its variable.
        """
        return cls(files, _load(files))

    def context(self) -> ssl.SSLContext:
        """For HTTP: every handshake takes the certificate that is current then."""
        first = _load(self._files).context
        first.sni_callback = self._answer
        return first

    def credentials(self) -> grpc.ServerCredentials:
        """For gRPC: every handshake takes the certificate that is current then."""
        return grpc.dynamic_ssl_server_credentials(
            self._loaded.configuration,
            lambda: self._current().configuration,
            require_client_authentication=self._files.client_ca is not None,
        )

    def _answer(self, handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        handshake.context = self._current().context

    def _current(self) -> _Loaded:
        with self._lock:
            try:
                stamp = self._files.stamp()
                if stamp != self._tried:
                    self._tried = stamp
                    self._loaded = _load(self._files)
                    _logger.info("the certificate was replaced")
            except (SettingError, OSError) as error:
                if self._tried:
                    _logger.error("the new certificate cannot be used, the one before stays: %s", error)  # noqa: TRY400
                self._tried = ()
            return self._loaded


def _load(files: TlsFiles) -> _Loaded:
    stamp = files.stamp()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_chain(context, files)
    if files.client_ca:
        _load_client_ca(context, files.client_ca)
    pair = files.key.read_bytes(), files.certificate.read_bytes()
    roots = files.client_ca.read_bytes() if files.client_ca else None
    return _Loaded(context, grpc.ssl_server_certificate_configuration([pair], root_certificates=roots), stamp)


def _load_chain(context: ssl.SSLContext, files: TlsFiles) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(files.certificate)
    except ssl.SSLError as error:
        reason = "expected a certificate in PEM, followed by those that signed it"
        raise SettingError("SPANMETER_TLS_CERT", str(files.certificate), reason) from error
    try:
        context.load_cert_chain(files.certificate, files.key, password="")
    except (ssl.SSLError, ValueError) as error:
        wrong = "the key of this certificate" if _MISMATCH in str(error) else "a key in PEM without a passphrase"
        raise SettingError("SPANMETER_TLS_KEY", str(files.key), f"expected {wrong}") from error


def _load_client_ca(context: ssl.SSLContext, client_ca: Path) -> None:
    try:
        context.load_verify_locations(client_ca)
    except ssl.SSLError as error:
        raise SettingError("SPANMETER_TLS_CLIENT_CA", str(client_ca), "expected certificates in PEM") from error
    context.verify_mode = ssl.CERT_REQUIRED
