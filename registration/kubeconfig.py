"""How this machine's kubeconfig signs in to a Kubernetes API server: by token, client certificate or plugin.

The `kubernetes` package reads it, as `kubectl` does. No message repeats what a kubeconfig holds.
"""

import logging
import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from registration.error import RegistrationError

# Seconds that a plugin such as kubelogin may take where nobody can answer what it asks.
PATIENCE = 60.0
_DEFAULT = "~/.kube/config"
_HTTPS = 443


class KubeconfigUser:
    """The user of one context; its plugin is asked at once, and again when what it gave runs out.

    `identity` names the files of its client certificate and key, `authority` the file of the server's certificate
    authority; either may be None.
    """

    identity: tuple[str, str] | None
    authority: str | None

    def __init__(self, merger: Any, context: str) -> None:
        self._merger = merger
        self._context = context
        self._lock = threading.Lock()
        self._sign_in()
        loaded = self._configuration
        self.identity = (loaded.cert_file, loaded.key_file) if loaded.cert_file and loaded.key_file else None
        self.authority = loaded.ssl_ca_cert

    def authorization(self, *, renew: bool = False) -> str | None:
        """Give the header's value; None when the user has a client certificate alone, or nothing."""
        with self._lock:
            if renew:
                self._sign_in()
            return self._current()

    def _current(self) -> str | None:
        with _told(self._context):
            setting = _patiently(self._configuration.auth_settings, self._context).get("BearerToken")
        return str(setting["value"]) if setting and setting["value"] else None

    def _sign_in(self) -> None:
        from kubernetes.client import Configuration  # noqa: PLC0415 - only a cluster's API needs it
        from kubernetes.config.kube_config import KubeConfigLoader  # noqa: PLC0415 - likewise

        loader = KubeConfigLoader(
            config_dict=self._merger.config,
            active_context=self._context,
            config_base_path=None,
            config_persister=self._merger.save_changes,
        )
        self._configuration = Configuration()
        with _told(self._context):
            _patiently(lambda: loader.load_and_set(self._configuration), self._context)


def find(server: str) -> KubeconfigUser | None:
    """Find the user of the context whose cluster is this API server, the current context before any other."""
    from kubernetes.config.kube_config import KubeConfigMerger  # noqa: PLC0415 - only a cluster's API needs it

    try:
        merger = KubeConfigMerger(os.environ.get("KUBECONFIG") or _DEFAULT)
        context = _context(merger.config.value, server) if merger.config is not None else None
    except Exception:  # noqa: BLE001 - a parser's reason shows the text, which holds credentials
        raise RegistrationError("the kubeconfig cannot be read; mend what KUBECONFIG names") from None
    return KubeconfigUser(merger, context) if context is not None else None


def _context(config: dict[str, Any], server: str) -> str | None:
    clusters = {
        each["name"]
        for each in config["clusters"]
        if _origin(str(each["cluster"].safe_get("server") or "")) == _origin(server)
    }
    names = [str(each["name"]) for each in config["contexts"] if each["context"].safe_get("cluster") in clusters]
    current = config.get("current-context")
    return current if current in names else next(iter(names), None)


def _origin(server: str) -> tuple[str, str | None, int | None] | None:
    try:
        address = urlsplit(server.rstrip("/"))
        port = address.port or (_HTTPS if address.scheme == "https" else None)
    except ValueError:
        return None
    return address.scheme, address.hostname, port


def _patiently(work: Any, context: str) -> Any:
    """Do what may ask a plugin, which could wait for ever for somebody who does not see its question."""
    done: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((work(), None))
        except Exception as error:  # noqa: BLE001 - handed to the caller
            done.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = done.get(timeout=None if sys.stdout.isatty() else PATIENCE)
    except queue.Empty:
        raise RegistrationError(
            f"the plugin of kubeconfig context {context!r} gives no credential within {PATIENCE:.0f} seconds; "
            "sign in first, or let it use another way (`kubelogin convert-kubeconfig -l azurecli`)"
        ) from None
    if error is not None:
        raise error
    return result


@contextmanager
def _told(context: str) -> Iterator[None]:
    """Say in one line that a context gives no credential; the package logs why its plugin failed, and goes on."""
    said: list[str] = []

    def note(record: logging.LogRecord) -> bool:
        said.append(record.getMessage())
        return False

    root = logging.getLogger()
    root.addFilter(note)
    try:
        yield
    except RegistrationError:
        raise
    except Exception:  # noqa: BLE001 - a reason may show what the kubeconfig holds
        said.append("it is not valid")
    finally:
        root.removeFilter(note)
    if said:
        reason = " ".join(said[0].split())[:300]
        raise RegistrationError(
            f"kubeconfig context {context!r} gives no credential: {reason}; is its plugin (kubelogin) installed, and "
            "are you signed in?"
        ) from None
