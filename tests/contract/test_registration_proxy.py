"""Registration through the service proxy of a Kubernetes API server, for which a server of the tests' own stands in.

It speaks TLS, checks who asks and what for as the real one does, and passes the rest on to the emulated Prefect API.
"""

import base64
import datetime as dt
import json
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from components import flow_provider
from components.flow_provider import ProjectProvider, TenantProvider
from registration import command, connection, kubeconfig, transport
from registration.api import Api
from registration.connection import open_api
from registration.error import RegistrationError
from registration.service_proxy import ServiceProxy
from registration.settings import RunConfig, Settings, Tenant, write

NAMESPACE, SERVICE = "prefect-server", "prefect-server-apollo"
TOKEN = "hunter2-the-token"  # noqa: S105 - opens nothing
FLOW = "from prefect import Flow, task\n\n@task\ndef t():\n    return 1\n\nwith Flow('one') as flow:\n    t()\n"
LATER = "2999-01-01T00:00:00Z"
AZ = """#!/bin/sh
echo "$@" >> {log}
printf '{{"accessToken": "hunter2-%s", "expires_on": %s}}' "$(wc -l < {log} | tr -d ' ')" {expires}
"""
PLUGIN = """#!/bin/sh
echo asked >> {log}
printf '{{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": {status}}}'
"""


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, in PEM."""

    certificate: str
    key: str

    @property
    def data(self) -> tuple[str, str]:
        """The same as a kubeconfig holds them."""
        return encoded(self.certificate), encoded(self.key)


class Authority:
    """A certificate authority."""

    def __init__(self, name: str) -> None:
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(self._name, self._key, authority=True)

    def issue(self, name: str) -> Identity:
        """Make a certificate for this machine, or for a user."""
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return Identity(self._sign(subject, key), private.decode())

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool = False) -> str:
        now = dt.datetime.now(dt.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@dataclass
class Cluster:
    """What the stand-in knows: who may call, and what it was asked."""

    api: Any
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    forbids: bool = False
    ready: bool = True
    headers: list[Any] = field(default_factory=list)

    @property
    def signatures(self) -> list[str | None]:
        return [each.get("Authorization") for each in self.headers]

    def answer(self, path: str, headers: Any, body: bytes, user: object) -> tuple[int, bytes]:
        """Answer a request as an API server does, with a Status of its own or with what the service said."""
        self.headers.append(headers)
        name = f"http:{SERVICE}:4200"
        if not user and (headers.get("Authorization") or "").removeprefix("Bearer ") not in self.tokens:
            return status(401, "Unauthorized")
        if self.forbids:
            return status(403, f'services "{name}" is forbidden: User "jane" cannot create resource "services/proxy"')
        if path != f"/api/v1/namespaces/{NAMESPACE}/services/{name}/proxy/graphql":
            return status(404, "services not found")
        if not self.ready:
            return status(503, f'no endpoints available for service "{name}"')
        answer = httpx.post(f"{self.api.url}/graphql", content=body, headers={"Content-Type": "application/json"})
        return answer.status_code, answer.content


def status(code: int, message: str) -> tuple[int, bytes]:
    return code, json.dumps({"kind": "Status", "apiVersion": "v1", "message": message, "code": code}).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cluster: Cluster

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        user = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else "kubectl proxy"
        code, content = self.cluster.answer(self.path, self.headers, body, user)
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A caller that hangs up because it trusts nobody here is what a test wants."""


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("the cluster's")


@pytest.fixture(scope="module")
def tls(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """The server's side of TLS: it asks for a client certificate and does without."""
    folder = tmp_path_factory.mktemp("tls")
    mine = authority.issue("server")
    (folder / "server.pem").write_text(mine.certificate + mine.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.load_verify_locations(cadata=authority.certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Start stand-ins, and give each one's address."""
    servers = []

    def start(cluster: Cluster, context: ssl.SSLContext | None = None) -> str:
        server = Quiet(("127.0.0.1", 0), type("ForCluster", (Handler,), {"cluster": cluster}))
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Caller:
    """A user with a folder of flows, a settings file and a home of their own."""

    def __init__(self, root: Path, proxy: ServiceProxy, said: Callable[[], Any]) -> None:
        self.root, self.proxy, self._said = root, proxy, said
        self.name = f"proxy-{uuid.uuid4().hex[:8]}"
        (root / "bin").mkdir()
        (root / "flows").mkdir()
        (root / "flows" / "one.py").write_text(FLOW)
        self.use(proxy)

    def use(self, proxy: ServiceProxy) -> None:
        self.proxy = proxy
        settings = Settings(
            project=self.name, tenant=Tenant(name=self.name, slug=self.name), api=proxy, run_config=RunConfig()
        )
        write(self.root / "s.json", settings)

    def run(self, verb: str) -> tuple[int, Any, str]:
        """Run the command line, and give its status, the actions and what it complains of."""
        given = ["--settings", str(self.root / "s.json"), "--flows", str(self.root / "flows"), "--json"]
        code = command.main([verb, *given])
        out, err = self._said()
        flows = json.loads(out)["flows"] if out else []
        return code, {each["name"]: each["action"] for each in flows}, err

    def program(self, name: str, text: str) -> Path:
        path = self.root / "bin" / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def kubeconfig(self, user: dict[str, Any], server: str | None = None) -> None:
        """Write a kubeconfig whose current context is another cluster's."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "elsewhere",
            "clusters": [
                {"name": "elsewhere", "cluster": {"server": "https://elsewhere:443"}},
                {"name": "here", "cluster": {"server": server or self.proxy.server}},
            ],
            "contexts": [
                {"name": "elsewhere", "context": {"cluster": "elsewhere", "user": "nobody"}},
                {"name": "ours", "context": {"cluster": "here", "user": "me"}},
            ],
            "users": [{"name": "me", "user": user}],
        }
        (self.root / "kubeconfig").write_text(yaml.safe_dump(document))

    def signs_in_with_az(self, *, seconds: int = 3600) -> Path:
        """Give this user an `az` whose tokens are numbered, and name its log."""
        log = self.root / "az.log"
        self.program("az", AZ.format(log=log, expires=int(time.time()) + seconds))
        return log


@pytest.fixture
def cluster(shared_prefect_api: Any) -> Cluster:
    return Cluster(shared_prefect_api)


@pytest.fixture
def caller(  # noqa: PLR0913, PLR0917 - a user's whole world
    cluster: Cluster,
    serve: Callable[..., str],
    tls: ssl.SSLContext,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Caller:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(transport, "_FIRST_PAUSE", 0.01)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    server = serve(cluster, tls)
    proxy = ServiceProxy(
        server=server, certificate_authority=encoded(authority.certificate), namespace=NAMESPACE, service=SERVICE
    )
    return Caller(tmp_path, proxy, capsys.readouterr)


def test_flows_are_registered_through_the_proxy_with_the_kubeconfigs_token(caller: Caller, cluster: Cluster) -> None:
    caller.kubeconfig({"token": TOKEN})
    assert caller.run("apply") == (0, {"one": "register"}, "")
    assert caller.run("apply") == (0, {"one": "unchanged"}, "")
    assert set(cluster.signatures) == {f"Bearer {TOKEN}"}


def test_without_a_kubeconfig_one_token_of_az_serves_every_request(caller: Caller, cluster: Cluster) -> None:
    log = caller.signs_in_with_az()
    cluster.tokens = {"hunter2-1"}
    assert caller.run("apply") == (0, {"one": "register"}, "")
    assert len(cluster.headers) > 3
    (asked,) = log.read_text().splitlines()
    assert "6dae42f8-4368-4678-94ff-3960e28e3630" in asked


def test_a_token_is_renewed_before_its_end(caller: Caller, cluster: Cluster) -> None:
    caller.signs_in_with_az(seconds=120)
    cluster.tokens = {f"hunter2-{number}" for number in range(1, 30)}
    assert caller.run("apply")[0] == 0
    assert len(set(cluster.signatures)) == len(cluster.signatures) > 3


def test_a_token_that_the_server_takes_no_more_is_renewed_once(caller: Caller, cluster: Cluster) -> None:
    caller.signs_in_with_az()
    cluster.tokens = {"hunter2-2"}
    assert caller.run("apply")[0] == 0
    assert cluster.signatures[:2] == ["Bearer hunter2-1", "Bearer hunter2-2"]
    assert set(cluster.signatures[2:]) == {"Bearer hunter2-2"}
    cluster.tokens = set()
    before = len(cluster.headers)
    code, _, said = caller.run("plan")
    assert (code, len(cluster.headers) - before) == (1, 2)
    assert "does not accept these credentials (401)" in said


@pytest.mark.parametrize(("expires", "times"), [(LATER, 1), ("2001-01-01T00:00:00Z", 2)])
def test_a_plugin_is_asked_again_only_when_its_token_has_expired(
    expires: str, times: int, caller: Caller, cluster: Cluster
) -> None:
    log = caller.root / "plugin.log"
    told = json.dumps({"token": TOKEN, "expirationTimestamp": expires})
    plugin = caller.program("kubelogin", PLUGIN.format(log=log, status=told))
    caller.kubeconfig(
        {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": plugin.name, "args": ["get-token"]}}
    )
    assert caller.run("plan")[:2] == (0, {"one": "register"})
    assert set(cluster.signatures) == {f"Bearer {TOKEN}"}
    asked = len(log.read_text().splitlines())
    assert (asked == 1) if times == 1 else (asked >= times)


def test_a_client_certificate_needs_no_token(caller: Caller, cluster: Cluster, authority: Authority) -> None:
    certificate, key = authority.issue("jane").data
    caller.kubeconfig({"client-certificate-data": certificate, "client-key-data": key})
    assert caller.run("plan") == (0, {"one": "register"}, "")
    assert set(cluster.signatures) == {None}


def test_plain_http_on_this_machine_is_given_no_credential(
    caller: Caller, cluster: Cluster, serve: Callable[..., str]
) -> None:
    caller.use(caller.proxy.model_copy(update={"server": serve(cluster), "certificate_authority": ""}))
    caller.kubeconfig({"token": TOKEN})
    caller.signs_in_with_az()
    assert caller.run("plan") == (0, {"one": "register"}, "")
    assert set(cluster.signatures) == {None}


def one_line(said: str, *words: str) -> None:
    """Hold an error to one line, with these words and without a token."""
    assert len(said.splitlines()) == 1, said
    assert "hunter2" not in said
    for each in words:
        assert each in said


def test_nothing_is_sent_to_a_server_that_another_authority_vouches_for(caller: Caller, cluster: Cluster) -> None:
    caller.kubeconfig({"token": TOKEN})
    other = Authority("another's").certificate
    caller.use(caller.proxy.model_copy(update={"certificate_authority": other}))
    code, _, said = caller.run("plan")
    assert code == 1
    one_line(said, "certificate that is not trusted", "certificate authority?", caller.proxy.server)
    assert cluster.headers == []


def test_who_has_no_credential_is_told_to_sign_in(caller: Caller, cluster: Cluster) -> None:
    caller.kubeconfig({"token": TOKEN}, server="https://127.0.0.1:1")
    code, _, said = caller.run("plan")
    assert code == 1
    one_line(said, "`az login`", "KUBECONFIG", "kubelogin", caller.proxy.server)
    assert cluster.headers == []


def test_a_caller_without_the_right_is_told_the_verb_and_the_name(caller: Caller, cluster: Cluster) -> None:
    caller.kubeconfig({"token": TOKEN})
    cluster.forbids = True
    code, _, said = caller.run("apply")
    assert code == 1
    one_line(said, "(403)", 'User "jane"', "verb create on services/proxy", f"'http:{SERVICE}:4200'", NAMESPACE)
    assert len(cluster.headers) == 1


def test_a_service_without_a_pod_counts_as_unreachable(caller: Caller, cluster: Cluster) -> None:
    caller.kubeconfig({"token": TOKEN})
    cluster.ready = False
    code, _, said = caller.run("apply")
    assert code == 1
    one_line(said, "no pod that answers", SERVICE, "(503)", "kubectl get pods")
    assert len(cluster.headers) > 1


def test_a_service_that_is_not_there_is_told(caller: Caller) -> None:
    caller.use(caller.proxy.model_copy(update={"service": "elsewhere"}))
    caller.kubeconfig({"token": TOKEN})
    code, _, said = caller.run("plan")
    assert code == 1
    one_line(said, "no service 'elsewhere'", "(404)")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('#!/bin/sh\necho "no session" >&2\nexit 1\n', "no session"),
        ("#!/bin/sh\necho hunter2-half-a-token\n", "failed to decode"),
        ("#!/bin/sh\nexec sleep 5\n", "no credential within"),
        (None, "No such file or directory"),
    ],
)
def test_a_plugin_that_gives_nothing_is_told_with_its_reason(
    text: str | None, words: str, caller: Caller, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubeconfig, "PATIENCE", 1.0)
    if text is not None:
        caller.program("kubelogin", text)
    caller.kubeconfig({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "kubelogin"}})
    code, _, said = caller.run("plan")
    assert code == 1
    one_line(said, "kubeconfig context 'ours'", words, "kubelogin")
    assert cluster.headers == []


@pytest.mark.parametrize("text", ["{hunter2: [", "users: hunter2\nclusters: hunter2\n", "[hunter2]"])
def test_a_kubeconfig_that_cannot_be_read_is_told_without_what_it_holds(text: str, caller: Caller) -> None:
    (caller.root / "kubeconfig").write_text(text)
    code, _, said = caller.run("plan")
    assert code == 1
    one_line(said, "kubeconfig cannot be read")


def test_no_log_no_representation_and_no_file_shows_a_token(
    caller: Caller, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for signed_in in (lambda: caller.kubeconfig({"token": TOKEN}), caller.signs_in_with_az):
        (caller.root / "kubeconfig").unlink(missing_ok=True)
        signed_in()
        cluster.tokens, cluster.forbids = {TOKEN, "hunter2-1", "hunter2-2", "hunter2-3"}, False
        with open_api(caller.proxy) as api:
            assert api.find_tenant("nobody") is None
            cluster.forbids = True
            with pytest.raises(RegistrationError) as caught:
                api.find_tenant("nobody")
            client = vars(api.transport)["_client"]
            shown = [repr(each) for each in (api, api.transport, client, client.auth, vars(client.auth), caught.value)]
        assert "hunter2" not in "".join(shown)
    assert {signature.split()[0] for signature in cluster.signatures if signature} == {"Bearer"}
    assert caplog.records
    assert "hunter2" not in caplog.text
    kept = [path for path in caller.root.rglob("*") if path.is_file() and path.parent.name != "bin"]
    assert not [path for path in kept if b"hunter2" in path.read_bytes()]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Api]]:
    """What Pulumi's providers open and would keep; this process closes it."""
    made: list[Api] = []
    monkeypatch.setattr(connection, "open_api", lambda locator: made.append(open_api(locator)) or made[-1])
    yield made
    for api in made:
        api.close()
    vars(flow_provider)["_opened"].cache_clear()


def test_pulumis_providers_take_the_same_locator_as_a_dictionary(
    caller: Caller, cluster: Cluster, opened: list[Api]
) -> None:
    caller.kubeconfig({"token": TOKEN})
    locator = {**caller.proxy.model_dump(), "port": 4200.0}
    slug = f"t-{caller.proxy.server.rpartition(':')[2]}"
    tenant = TenantProvider().create({"slug": slug, "api": locator})
    project = ProjectProvider().create({"name": "p", "tenant_id": tenant.id, "api": locator})
    assert cluster.api.query(f'{{ project(where: {{id: {{_eq: "{project.id}"}}}}) {{ tenant_id }} }}') == {
        "project": [{"tenant_id": tenant.id}]
    }
    assert TenantProvider().read(tenant.id, {"slug": slug, "api": locator}).id == tenant.id
    with pytest.raises(RegistrationError, match=r"^tenant other: the API at https://127.*/proxy/graphql does not have"):
        TenantProvider().update(tenant.id, {}, {"slug": "other", "api": locator})
    assert len(opened) == 1
