"""What Helm prints is read as Kubernetes reads it."""

from charts import helm
from charts.manifest import read
from tests.chart.conftest import LEAST


def test_a_text_that_python_would_make_nothing_of_is_a_text() -> None:
    login = {"enabled": True, "issuerUrl": "https://login.example.com", "clientId": "c", "cookieSecret": {"name": "c"}}
    ingress = {"enabled": True, "host": "ui.example.com", "tlsSecret": "t", "annotations": {"sign": "="}}
    (made,) = [
        each for each in helm.render({**LEAST, "ingress": ingress, "loginProxy": login}) if each["kind"] == "Ingress"
    ]
    assert made["metadata"]["annotations"]["sign"] == "="


def test_a_document_of_nothing_is_no_object() -> None:
    assert read("---\n# nothing\n---\nkind: Service\n") == [{"kind": "Service"}]
