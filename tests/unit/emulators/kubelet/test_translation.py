"""What a container's text means on this machine."""

import pytest

from emulators.kubelet.translation import Translation

PATHS = {"/etc/agent": "/here/job", "/etc/agent/more": "/here/more", "/tmp": "/here/tmp"}  # noqa: S108 - a mount path


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("/etc/agent/job.yaml", "/here/job/job.yaml"),
        ("/etc/agent", "/here/job"),
        ("--file=/etc/agent:/tmp", "--file=/here/job:/here/tmp"),
        ("/etc/agent/more/x", "/here/more/x"),
        ("/etc/agents", "/etc/agents"),
        ("/srv/etc/agent", "/srv/etc/agent"),
        ("http://host/tmp", "http://host/tmp"),
        ("cat '/tmp'", "cat '/here/tmp'"),
    ],
)
def test_only_whole_mount_paths_are_replaced_the_longest_first(text: str, translated: str) -> None:
    assert Translation(paths=PATHS).text(text) == translated


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("http://0.0.0.0:8080", "http://127.0.0.1:40000"),
        ("http://localhost:8080/api", "http://127.0.0.1:40000/api"),
        ("[::]:8080", "127.0.0.1:40000"),
        ("0.0.0.0:80801", "0.0.0.0:80801"),
        ("http://other:8080", "http://other:8080"),
    ],
)
def test_a_port_of_the_container_is_replaced_where_it_listens_and_only_there(text: str, translated: str) -> None:
    assert Translation(ports={8080: 40000}).text(text) == translated


@pytest.mark.parametrize("name", ["apollo.server", "apollo.server.svc", "apollo.server.svc.cluster.local"])
def test_a_service_has_its_address_by_each_of_its_names(name: str) -> None:
    here = Translation(hosts={"apollo.server:4200": "127.0.0.1:40001"})
    assert here.text(f"http://{name}:4200/graphql") == "http://127.0.0.1:40001/graphql"


@pytest.mark.parametrize(
    "text", ["http://my-apollo.server:4200", "apollo.server:42001", "apollo.server", "apollo-server:4200"]
)
def test_another_host_stays_what_it_is(text: str) -> None:
    assert Translation(hosts={"apollo.server:4200": "127.0.0.1:40001"}).text(text) == text


def test_what_was_put_in_is_not_translated_again() -> None:
    here = Translation(paths={"/etc": "/srv/here", "/srv": "/srv/there"}, ports={8080: 9090, 9090: 1})
    assert here.text("/etc/x /srv/y 0.0.0.0:8080") == "/srv/here/x /srv/there/y 127.0.0.1:9090"
