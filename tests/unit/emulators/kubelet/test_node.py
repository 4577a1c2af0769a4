"""Which pods a node takes."""

from typing import Any

import pytest

from emulators.control_plane.client import ApiError
from emulators.kubelet.node import Node


class Api:
    """Keeps what it is told, and refuses to bind one pod."""

    def __init__(self, refused: str = "") -> None:
        self.bound: list[str] = []
        self.conditions: dict[str, str] = {}
        self.refused = refused

    def post(self, path: str, body: Any) -> None:
        name = body["metadata"]["name"]
        assert path == f"/api/v1/namespaces/n/pods/{name}/binding"
        if name == self.refused:
            raise ApiError(409, "it has a node")
        self.bound.append(name)

    def patch(self, path: str, body: Any) -> None:
        self.conditions[path.split("/")[-2]] = body["status"]["conditions"][0]["message"]


class Events:
    """Keeps reasons."""

    node = "here"

    def __init__(self) -> None:
        self.reasons: list[tuple[str, str]] = []

    def normal(self, pod: Any, reason: str, message: str) -> None:
        assert message
        self.reasons.append((pod["metadata"]["name"], reason))

    warning = normal


def pod(name: str, second: int = 0, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "n", "uid": name, "creationTimestamp": f"2026-01-01T00:00:{second:02}Z"}
    return {"metadata": metadata, "spec": spec}


def node(api: Api, events: Events, pods: int = 2) -> Node:
    return Node(api, events, labels={"pool": "flows"}, pods=pods, log_port=0)  # type: ignore[arg-type]  # stand-ins


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def events() -> Events:
    return Events()


def test_the_oldest_pods_come_first_and_the_others_wait_for_room(api: Api, events: Events) -> None:
    node(api, events).take([pod("c", 3), pod("a", 1), pod("b", 2)], busy=0)
    assert api.bound == ["a", "b"]
    assert api.conditions == {"c": "the node here has its 2 pods"}


def test_pods_that_are_here_take_up_room(api: Api, events: Events) -> None:
    node(api, events).take([pod("a")], busy=2)
    assert api.bound == []


def test_a_pod_is_told_once_why_it_waits(api: Api, events: Events) -> None:
    waits = pod("a", nodeSelector={"pool": "gpu"})
    node(api, events).take([waits], busy=0)
    node(api, events).take([{**waits, "status": {"conditions": [{}]}}], busy=0)
    assert events.reasons == [("a", "FailedScheduling")]


def test_a_selector_needs_all_its_labels(api: Api, events: Events) -> None:
    pods = [pod("a", nodeSelector={"pool": "flows"}), pod("b", nodeSelector={"pool": "flows", "zone": "1"})]
    node(api, events).take(pods, busy=0)
    assert api.bound == ["a"]


def test_a_pod_that_another_node_was_faster_with_takes_no_room(events: Events) -> None:
    api = Api(refused="a")
    node(api, events, pods=1).take([pod("a", 1), pod("b", 2)], busy=0)
    assert api.bound == ["b"]


def test_a_pod_with_a_gate_is_left_alone(api: Api, events: Events) -> None:
    node(api, events).take([pod("a", schedulingGates=[{"name": "g"}])], busy=0)
    assert (api.bound, events.reasons) == ([], [])
