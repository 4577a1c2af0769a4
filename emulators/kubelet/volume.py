"""A pod's volumes as folders: each file is written once, when the pod starts, and never renewed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulators.kubelet.environment import ConfigError, Lookup, field_of, find

Body = Mapping[str, Any]
# Asks for a token of the pod's service account: its audience, or none, and the seconds that it is good for.
Token = Callable[[str | None, int], str]
_FILE_MODE = 0o644
ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True)
class Sources:
    """Where the content of a pod's volumes comes from."""

    pod: Body
    lookup: Lookup
    token: Token

    def materialise(self, folder: Path) -> dict[str, Path]:
        """Write all volumes of the pod below a folder, and return where each is by its name.

        Raises:
            ConfigError: a ConfigMap, a Secret or a key is missing, or a kind of volume is not emulated.
        """
        made = {}
        for volume in self.pod["spec"].get("volumes") or []:
            path = folder / volume["name"]
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            if "projected" in volume:
                mode = volume["projected"].get("defaultMode", _FILE_MODE)
                for source in volume["projected"].get("sources") or []:
                    self._write(source, path, mode)
            elif "emptyDir" not in volume:
                self._write(volume, path, _FILE_MODE)
            made[volume["name"]] = path
        return made

    def _write(self, source: Body, folder: Path, mode: int) -> None:
        if inner := source.get("configMap"):
            self._write_data("ConfigMap", inner["name"], inner, folder, mode)
        elif inner := source.get("secret"):
            # The only kind that has another word for its name where it is a volume of its own.
            self._write_data("Secret", inner.get("secretName") or inner["name"], inner, folder, mode)
        elif inner := source.get("serviceAccountToken"):
            text = self.token(inner.get("audience"), inner.get("expirationSeconds", 3600))
            _put(folder / inner["path"], text.encode(), 0o600)
        elif inner := source.get("downwardAPI"):
            for item in inner.get("items") or []:
                if "fieldRef" not in item:
                    raise ConfigError("resourceFieldRef is not emulated")
                _put(folder / item["path"], field_of(self.pod, item["fieldRef"]["fieldPath"]).encode(), mode)
        else:
            kind = ", ".join(key for key in source if key != "name")
            raise ConfigError(f"volumes of the kind {kind} are not emulated")

    def _write_data(self, kind: str, name: str, options: Body, folder: Path, mode: int) -> None:
        data = find(kind, {"name": name, "optional": options.get("optional")}, self.lookup)
        if data is None:
            return
        mode = options.get("defaultMode", mode)
        for item in options.get("items") or [{"key": key, "path": key} for key in data]:
            if item["key"] in data:
                _put(folder / item["path"], data[item["key"]], item.get("mode", mode))
            elif not options.get("optional"):
                raise ConfigError(f"references non-existent {kind.lower()} key: {item['key']}")


def mounts(container: Body, volumes: Mapping[str, Path]) -> dict[str, str]:
    """Return the mount paths of a container and the folder, or the file, that each stands for."""
    return {
        mount["mountPath"].rstrip("/"): str(volumes[mount["name"]] / mount.get("subPath", ""))
        for mount in container.get("volumeMounts") or []
    }


def _put(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # One that an attempt before this one wrote may be read-only.
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
