"""The samples for what stands in front of a gateway, run as they are but for ports and paths."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.imports import ROOT
from support.live_federation import Coordinator, federation, wait_for

from core.api.errors import CoordinatorError
from core.coordinator.home import Federation
from core.coordinator.superlink import free_port
from core.coordinator.web import certificates
from core.federation.gateway import Gateway
from core.federation.identity import NodeKey
from core.federation.invite import GATEWAY_NAME, parse
from core.federation.manifest import open_manifest
from core.federation.transport import Endpoint, Transport

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
SAMPLES = ROOT / "packaging" / "coordinator"
MODULES = ("/usr/lib/nginx/modules/ngx_stream_module.so", "/usr/lib64/nginx/modules/ngx_stream_module.so")
TERMS = {"name": "Fronted", "privacy": "none", "rounds": 1, "cohort": 1, "local_steps": 2, "seq_len": 32}
BROWSED = "status.example.org"
stream_module = next((path for path in MODULES if Path(path).is_file()), "")


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    with federation(tmp_path, volunteers=0, **TERMS) as (made, _, _):
        made.start()
        yield made


def sample(name: str, changes: dict[str, str]) -> str:
    """A sample with other ports and paths; each must be there, so that the sample cannot drift away from its test."""
    text = (SAMPLES / name).read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    return text


def browser_certificate(folder: Path) -> ssl.SSLContext:
    """A certificate for the status page's public name, and what trusts it."""
    key = certificates.new_key()
    certificate = certificates.self_signed(BROWSED, key, (BROWSED,))
    (folder / "browser.crt").write_bytes(certificates.cert_pem(certificate))
    (folder / "browser.key").write_bytes(certificates.key_pem(key))
    return ssl.create_default_context(cafile=str(folder / "browser.crt"))


@contextlib.contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def status_page(context: ssl.SSLContext, port: int, method: str, path: str) -> httpx.Response:
    with httpx.Client(verify=context, trust_env=False) as client:
        named = {"host": BROWSED}
        return client.request(
            method, f"https://127.0.0.1:{port}{path}", headers=named, extensions={"sni_hostname": BROWSED}
        )


@pytest.mark.skipif(
    shutil.which("nginx") is None or not stream_module, reason="nginx with its stream module is missing"
)
def test_nginx_passes_volunteers_through_and_shows_browsers_the_page(coordinator: Coordinator, tmp_path: Path) -> None:
    gateway = coordinator.find("ready")["address"]  # type: ignore[index]
    home = Federation(coordinator.directory).home
    front, page, other = free_port(), free_port(), free_port()
    trusted = browser_certificate(tmp_path)
    stream = sample("nginx-stream.conf", {
        "listen 443;": f"listen 127.0.0.1:{front};", "listen [::]:443;": "", "127.0.0.1:9443": gateway,
        "127.0.0.1:8443": f"127.0.0.1:{other}",
    })  # fmt: skip
    web = sample("nginx-status-page.conf", {
        "listen 8443 ssl;": f"listen 127.0.0.1:{page} ssl;", "127.0.0.1:9443": gateway,
        "/etc/letsencrypt/live/status.example.org/fullchain.pem": str(tmp_path / "browser.crt"),
        "/etc/letsencrypt/live/status.example.org/privkey.pem": str(tmp_path / "browser.key"),
        "/etc/nginx/hedgerow-root.crt": str(home.key_path("root.crt")),
    })  # fmt: skip
    (tmp_path / "stream.conf").write_text(stream)
    (tmp_path / "web.conf").write_text(web)
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"load_module {stream_module};\nworker_processes 1;\ndaemon off;\npid {tmp_path}/pid;\n"
        f"error_log {tmp_path}/error.log;\nevents {{ worker_connections 256; }}\n"
        f"http {{ access_log off; {temporary} include {tmp_path}/web.conf; }}\ninclude {tmp_path}/stream.conf;\n"
    )
    command = ["nginx", "-e", str(tmp_path / "error.log"), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    with running(command, tmp_path / "nginx.log"):
        wait_for(lambda: accepts(front) and accepts(page), 20, "nginx")
        asyncio.run(join_through(f"127.0.0.1:{front}", coordinator.invite()))
        assert len(Federation(coordinator.directory).store().volunteers()) == 1
        shown = status_page(trusted, page, "GET", "/")
        assert shown.status_code == 200
        assert "Fronted" in shown.text
        assert "default-src 'none'" in shown.headers["content-security-policy"]
        assert status_page(trusted, page, "POST", "/").status_code == 403
        for path in ("/manifest", "/v1/fleet/pull-messages", "/v1/fleet/../control/list-nodes", "/metrics"):
            assert status_page(trusted, page, "GET", path).status_code == 404, path


async def join_through(address: str, link: str) -> None:
    """The project's own client: manifest, signature, enrolment; and nobody else's name gets to the gateway."""
    invite = parse(link)
    transport = Transport(Endpoint(address, invite.root_certificate, GATEWAY_NAME))
    try:
        gateway = Gateway(transport, NodeKey.generate())
        opened = open_manifest(await gateway.manifest(), invite.federation_key)
        assert opened.config.name == "Fronted"
        answer = await gateway.enrol(invite.token, opened.sha256)
        assert answer.run_id == opened.config.run_id
    finally:
        await transport.close()
    stranger = Transport(Endpoint(address, invite.root_certificate, "www.example.org"))
    try:
        with pytest.raises(CoordinatorError):
            await Gateway(stranger).manifest()
    finally:
        await stranger.close()


@pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is missing")
def test_caddy_shows_browsers_the_page(coordinator: Coordinator, tmp_path: Path) -> None:
    gateway = coordinator.find("ready")["address"]  # type: ignore[index]
    page = free_port()
    trusted = browser_certificate(tmp_path)
    text = sample("Caddyfile", {
        "status.example.org {": f"https://{BROWSED}:{page} {{\n\tbind 127.0.0.1\n"
        f"\ttls {tmp_path}/browser.crt {tmp_path}/browser.key",
        "127.0.0.1:9443": gateway,
        "/etc/caddy/hedgerow-root.crt": str(Federation(coordinator.directory).home.key_path("root.crt")),
    })  # fmt: skip
    (tmp_path / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https off\n}\n" + text)
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    with running(command, tmp_path / "caddy.log"):
        wait_for(lambda: accepts(page), 20, "Caddy")
        shown = status_page(trusted, page, "GET", "/")
        assert shown.status_code == 200
        assert "Fronted" in shown.text
        for method, path in (("POST", "/"), ("GET", "/manifest"), ("GET", "/v1/fleet/../control/list-nodes")):
            assert status_page(trusted, page, method, path).status_code == 404, path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is missing")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    name = "hedgerow-coordinator@.service"
    unit = sample(name, {"ExecStart=/usr/bin/hedgerow ": f"ExecStart={shutil.which('true')} "})
    (tmp_path / name).write_text(unit)
    instance = str(tmp_path / name.replace("@", "@moor"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", instance], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not re.findall(r"hedgerow.*(?:[Uu]nknown|[Ii]gnor|[Ff]ailed)", done.stderr), done.stderr
