"""Who may reach whom, as the rendered policies say it. Whether a cluster enforces them only its network can show."""

from collections.abc import Callable
from typing import Any

import pytest

from charts.reach import Place, allowed, pods

NAME = "app.kubernetes.io/name"
PORTS = {"apollo": 4200, "graphql": 4201, "hasura": 3000, "ui": 8080, "login-proxy": 4180}
OUTSIDERS = {
    "agent": Place(namespace="prefect", labels={NAME: "prefect-agent"}),
    "flow run": Place(namespace="prefect", labels={NAME: "prefect-flow-run"}),
    "dask worker": Place(namespace="prefect", labels={NAME: "dask-worker"}),
    "dask scheduler": Place(namespace="prefect", labels={NAME: "dask-scheduler"}),
    "stranger beside the flows": Place(namespace="prefect", labels={NAME: "stranger"}),
    "stranger beside the server": Place(namespace="prefect-server", labels={NAME: "stranger"}),
    "agent elsewhere": Place(namespace="default", labels={NAME: "prefect-agent"}),
    "another release": Place(namespace="default", labels={NAME: "prefect-server"}),
    "API server's proxy": Place(namespace="kube-system", labels={"app": "konnectivity-agent"}),
    "ingress controller": Place(namespace="app-routing-system", labels={"app": "nginx"}),
    "internet": Place(address="203.0.113.7"),
}
POSTGRES = Place(address="10.20.4.4")
DNS = Place(namespace="kube-system", labels={"k8s-app": "kube-dns"})
ENTRA = Place(address="20.190.151.1")
METADATA = Place(address="169.254.169.254")

INSIDE = {
    ("apollo", "graphql"),
    ("apollo", "hasura"),
    ("graphql", "hasura"),
    ("towel", "hasura"),
}
FROM_OUTSIDE = {
    ("agent", "apollo"),
    ("flow run", "apollo"),
    ("dask worker", "apollo"),
    ("API server's proxy", "apollo"),
    ("API server's proxy", "ui"),
}
BY_LOGIN = {("login-proxy", "ui"), ("login-proxy", "apollo"), ("ingress controller", "login-proxy")}


def edges(rendering: Any, others: dict[str, Place] | None = None) -> set[tuple[str, str]]:
    """Everybody who may reach a service of the release on the port that it serves."""
    places = services(rendering)
    return {
        (source, target)
        for source, place in {**places, **(OUTSIDERS if others is None else others)}.items()
        for target, port in PORTS.items()
        if target in places and source != target and allowed(rendering.manifests, place, places[target], port)
    }


def services(rendering: Any) -> dict[str, Place]:
    return {name.removeprefix("prefect-server-"): place for name, place in pods(rendering.manifests).items()}


def test_each_service_is_reached_by_those_alone_who_need_it(rendered: Callable[[str], Any]) -> None:
    assert edges(rendered("default")) == INSIDE | FROM_OUTSIDE


def test_a_login_is_reached_through_the_ingress_and_reaches_ui_and_apollo(rendered: Callable[[str], Any]) -> None:
    assert edges(rendered("ingress-login")) == INSIDE | FROM_OUTSIDE | BY_LOGIN


@pytest.mark.parametrize("port", [22, 80, 443, 4200, 5432, 8080, 9090])
def test_a_service_is_reached_on_no_other_port(rendered: Callable[[str], Any], port: int) -> None:
    rendering = rendered("ingress-login")
    places = services(rendering)
    for source in (*places.values(), *OUTSIDERS.values()):
        for target, served in PORTS.items():
            if port != served:
                assert not allowed(rendering.manifests, source, places[target], port)


def test_nobody_reaches_towel(rendered: Callable[[str], Any]) -> None:
    rendering = rendered("ingress-login")
    places = services(rendering)
    for source in (*places.values(), *OUTSIDERS.values()):
        assert not any(allowed(rendering.manifests, source, places["towel"], port) for port in (80, 4200, 8080))


@pytest.mark.parametrize(
    ("target", "port", "protocol", "who"),
    [
        (POSTGRES, 5432, "TCP", {"graphql", "hasura"}),
        (POSTGRES, 22, "TCP", set()),
        (DNS, 53, "UDP", {"apollo", "graphql", "hasura", "towel", "login-proxy"}),
        (DNS, 53, "TCP", {"apollo", "graphql", "hasura", "towel", "login-proxy"}),
        (ENTRA, 443, "TCP", {"login-proxy"}),
        (ENTRA, 80, "TCP", set()),
        (METADATA, 80, "TCP", set()),
        (METADATA, 443, "TCP", set()),
        (OUTSIDERS["stranger beside the server"], 443, "TCP", set()),
    ],
)
def test_a_service_reaches_out_to_what_it_needs_alone(
    rendered: Callable[[str], Any], target: Place, port: int, protocol: str, who: set[str]
) -> None:
    rendering = rendered("ingress-login")
    places = services(rendering)
    assert {
        name for name, place in places.items() if allowed(rendering.manifests, place, target, port, protocol)
    } == who


def test_where_postgres_is_known_no_other_address_is_reached_on_its_port(rendered: Callable[[str], Any]) -> None:
    manifests = rendered("addresses").manifests
    hasura = services(rendered("addresses"))["hasura"]
    assert allowed(manifests, hasura, POSTGRES, 5432)
    assert not allowed(manifests, hasura, Place(address="10.20.5.4"), 5432)


def test_a_proxy_that_is_no_pod_is_known_by_its_address(rendered: Callable[[str], Any]) -> None:
    proxies = {"proxy": Place(address="10.20.0.9"), "neighbour": Place(address="10.20.1.9")}
    reached = edges(rendered("addresses"), proxies) - INSIDE
    assert reached == {("proxy", "apollo"), ("proxy", "ui")}


def test_without_clients_apollo_is_left_to_the_proxy(render: Callable[..., Any]) -> None:
    reached = edges(render({"networkPolicy": {"clients": []}}))
    assert {source for source, target in reached if target == "apollo"} == {"API server's proxy"}
