from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import httpx
import pytest
import trustme
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from spanmeter_collector.setting import SettingError
from spanmeter_collector.tls import Tls
from spanmeter_collector.tls_files import TlsFiles

StartSidecar = Callable[..., Any]
PROTOBUF = {"content-type": "application/x-protobuf"}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def folder(tmp_path: Path, authority: trustme.CA) -> Path:
    """With ca.pem, and the sidecar's tls.crt and tls.key."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issue(authority, tmp_path)
    return tmp_path


def issue(authority: trustme.CA, folder: Path, *, name: str = "tls") -> None:
    issued = authority.issue_cert("127.0.0.1", "localhost")
    issued.private_key_pem.write_to_path(folder / f"{name}.key")
    for index, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(folder / f"{name}.crt", append=index > 0)


def served(folder: Path) -> dict[str, str]:
    return {"TLS_CERT": f"{folder}/tls.crt", "TLS_KEY": f"{folder}/tls.key"}


def at(sidecar: Any) -> str:
    return str(sidecar.http.replace("http:", "https:"))


def serial(sidecar: Any, trusted: ssl.SSLContext) -> str:
    with httpx.Client(verify=trusted) as client, client.stream("GET", f"{at(sidecar)}/health") as response:
        seen = response.extensions["network_stream"].get_extra_info("ssl_object").getpeercert()
    return str(seen["serialNumber"])


def a_span() -> ReadableSpan:
    span = TracerProvider().get_tracer("x").start_span("s")
    span.end()
    assert isinstance(span, ReadableSpan)
    return span


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_both_doors_and_the_command_line_speak_tls_and_idle_clients_hold_up_no_stop(
    start_sidecar: StartSidecar, folder: Path
) -> None:
    sidecar = start_sidecar(**served(folder))
    trusted = ssl.create_default_context(cafile=folder / "ca.pem")
    old = ssl.create_default_context(cafile=folder / "ca.pem")
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    credentials = grpc.ssl_channel_credentials((folder / "ca.pem").read_bytes())
    exporter = OTLPSpanExporter(f"https://{sidecar.grpc}", credentials=credentials, timeout=10)

    assert httpx.post(f"{at(sidecar)}/v1/traces", headers=PROTOBUF, verify=trusted).status_code == 200
    assert exporter.export([a_span()]) is SpanExportResult.SUCCESS
    with pytest.raises(httpx.ConnectError, match=r"UNEXPECTED_EOF|alert protocol version"):
        httpx.get(f"{at(sidecar)}/health", verify=old)
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{sidecar.http}/health")
    command = [sys.executable, "-m", "spanmeter_collector", "cost", "--json", "--url", at(sidecar)]
    environ = {"PATH": os.environ["PATH"], "SSL_CERT_FILE": f"{folder}/ca.pem"}
    assert subprocess.run(command, env=environ, capture_output=True, check=False, text=True).returncode == 0
    exporter.shutdown()
    with httpx.Client(verify=trusted) as idle:
        assert idle.get(f"{at(sidecar)}/health").status_code == 200
        assert sidecar.stop() == 0
    assert "shutdown exceeded" not in sidecar.process.stderr.read()


def test_a_renewed_certificate_is_used_from_the_next_handshake_on(
    start_sidecar: StartSidecar, folder: Path, authority: trustme.CA
) -> None:
    sidecar = start_sidecar(**served(folder))
    trusted = ssl.create_default_context(cafile=folder / "ca.pem")
    before = serial(sidecar, trusted)

    (folder / "tls.crt").write_text("half a certificate")
    assert serial(sidecar, trusted) == before
    issue(authority, folder)
    after = serial(sidecar, trusted)

    assert after != before
    credentials = grpc.ssl_channel_credentials((folder / "ca.pem").read_bytes())
    exporter = OTLPSpanExporter(f"https://{sidecar.grpc}", credentials=credentials, timeout=10)
    assert exporter.export([a_span()]) is SpanExportResult.SUCCESS
    exporter.shutdown()


def test_with_a_client_authority_only_its_certificates_are_let_in(
    start_sidecar: StartSidecar, folder: Path, authority: trustme.CA
) -> None:
    sidecar = start_sidecar(**served(folder), TLS_CLIENT_CA=f"{folder}/ca.pem")
    issue(authority, folder, name="client")
    issue(trustme.CA(), folder, name="stranger")
    ca, key, certificate = ((folder / name).read_bytes() for name in ("ca.pem", "client.key", "client.crt"))

    assert [let_in(sidecar, folder, name) for name in ("client", "stranger", "")] == [True, False, False]
    for credentials, expected in (
        (grpc.ssl_channel_credentials(ca, key, certificate), SpanExportResult.SUCCESS),
        (grpc.ssl_channel_credentials(ca), SpanExportResult.FAILURE),
    ):
        exporter = OTLPSpanExporter(f"https://{sidecar.grpc}", credentials=credentials, timeout=1)
        assert exporter.export([a_span()]) is expected
        exporter.shutdown()


def let_in(sidecar: Any, folder: Path, name: str) -> bool:
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    if name:
        context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    try:
        return httpx.get(f"{at(sidecar)}/health", verify=context).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("tls.crt", "SPANMETER_TLS_CERT='{}/tls.crt': expected a certificate in PEM, followed by those that signed it"),
        ("tls.key", "SPANMETER_TLS_KEY='{}/tls.key': expected a key in PEM without a passphrase"),
        ("ca.pem", "SPANMETER_TLS_CLIENT_CA='{}/ca.pem': expected certificates in PEM"),
        ("other", "SPANMETER_TLS_KEY='{}/tls.key': expected the key of this certificate"),
    ],
)
def test_files_that_cannot_be_used_are_named(folder: Path, authority: trustme.CA, broken: str, reason: str) -> None:
    files = TlsFiles(folder / "tls.crt", folder / "tls.key", folder / "ca.pem")
    if broken == "other":
        authority.issue_cert("localhost").private_key_pem.write_to_path(folder / "tls.key")
    else:
        (folder / broken).write_text("no PEM")

    with pytest.raises(SettingError) as refused:
        Tls.open(files)

    assert str(refused.value) == reason.format(folder)
