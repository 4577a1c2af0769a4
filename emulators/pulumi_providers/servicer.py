"""The provider protocol over a `Provider`: one request at a time, every failure one line.

`pulumi.provider.experimental` has most of this, but its errors carry stack traces, its diff sees no old inputs, and it
does not shake hands.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from emulators.pulumi_providers.provider import Provider, RefusedError, UnreadyError, Urn
from emulators.pulumi_providers.store import StoreError
from emulators.pulumi_providers.validation import Failure
from emulators.pulumi_providers.value import decode_map, encode_map

_Handler = Callable[[Any, Any, grpc.ServicerContext], Any]


def _one_line(handler: _Handler) -> _Handler:
    """Let a failure reach the user as one line, whatever it is."""

    def guarded(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return handler(self, request, context)
        except UnreadyError as error:
            return context.abort_with_status(_partly_done(error))
        except (RefusedError, StoreError) as error:
            message = str(error)
        except Exception as error:  # noqa: BLE001 -- a fault of the emulator must not become a stack trace on the user's screen
            where = error.__traceback__
            while where and where.tb_next:
                where = where.tb_next
            place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "?"
            message = f"the emulated provider itself failed, please report it: {error!r} at {place}"
        return context.abort(grpc.StatusCode.UNKNOWN, " ".join(message.split()))

    return guarded


@dataclass
class _Status(grpc.Status):
    """A failure with its details, as gRPC hands it over."""

    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...]
    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN


def _partly_done(error: UnreadyError) -> _Status:
    """The failure of a resource that exists: the engine learns its id and its properties from the details."""
    message = " ".join(str(error).split())
    found = provider_pb2.ErrorResourceInitFailed(
        id=error.identity,
        properties=encode_map(error.outputs),
        inputs=None if error.inputs is None else encode_map(error.inputs),
        reasons=[message],
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message)
    status.details.add().Pack(found)
    return _Status(message, (("grpc-status-details-bin", status.SerializeToString()),))


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine."""

    def __init__(self, provider: Provider, engine: str) -> None:
        self._provider = provider
        self._engine = engine
        provider.warn = lambda urn, message: self._log(message, engine_pb2.WARNING, urn.text)

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 -- the protocol's name
        """Agree on what the messages may hold."""
        del request, context
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 -- the protocol's name
        """Say the version."""
        del request, context
        return plugin_pb2.PluginInfo(version=self._provider.version)

    @_one_line
    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 -- the protocol's name
        """Accept the provider's own settings."""
        del context
        return provider_pb2.CheckResponse(inputs=request.news)

    @_one_line
    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 -- the protocol's name
        """Another setting is never another provider."""
        del context
        changed = decode_map(request.old_inputs) != decode_map(request.news)
        kind = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=kind)

    @_one_line
    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 -- the protocol's name
        """Take over the settings."""
        del context
        self._provider.configure(decode_map(request.args))
        self._log(f"{self._provider.name} {self._provider.version} is emulated: {self._provider.reaches}")
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @_one_line
    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 -- the protocol's name
        """Judge the inputs of a resource."""
        del context
        urn, new = Urn(request.urn), decode_map(request.news)
        try:
            inputs, failures = self._provider.check(urn, decode_map(request.olds), new, request.randomSeed)
        except RefusedError as error:
            inputs, failures = new, [Failure("", str(error))]
        # A failure that names its property has the engine show the value, secret or not.
        told = [provider_pb2.CheckFailure(reason=str(failure)) for failure in failures]
        return provider_pb2.CheckResponse(inputs=encode_map(inputs), failures=told)

    @_one_line
    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 -- the protocol's name
        """Tell what changed."""
        del context
        urn, old, new = Urn(request.urn), decode_map(request.old_inputs), decode_map(request.news)
        changes = self._provider.diff(urn, old, new)
        replaces = [change.path for change in changes if change.replaces]
        kinds = provider_pb2.PropertyDiff.Kind
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=replaces,
            diffs=list(dict.fromkeys(change.path.split(".")[0].split("[")[0] for change in changes)),
            deleteBeforeReplace=bool(replaces) and self._provider.deletes_before(urn, old, new),
            detailedDiff={
                change.path: provider_pb2.PropertyDiff(kind=kinds.Value(change.wire_kind), inputDiff=True)
                for change in changes
            },
            hasDetailedDiff=True,
        )

    @_one_line
    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 -- the protocol's name
        """Create a resource."""
        del context
        inputs = decode_map(request.properties)
        identity, properties = self._provider.create(
            Urn(request.urn), inputs, preview=request.preview, timeout=request.timeout
        )
        return provider_pb2.CreateResponse(id=identity, properties=encode_map(properties))

    @_one_line
    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 -- the protocol's name
        """Tell what a resource is now."""
        del context
        outputs, inputs = decode_map(request.properties), decode_map(request.inputs)
        found = self._provider.read(Urn(request.urn), request.id, outputs, inputs)
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(id=request.id, properties=encode_map(found[0]), inputs=encode_map(found[1]))

    @_one_line
    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 -- the protocol's name
        """Change a resource in place."""
        del context
        old, new = decode_map(request.olds), decode_map(request.news)
        properties = self._provider.update(
            Urn(request.urn), request.id, old, new, preview=request.preview, timeout=request.timeout
        )
        return provider_pb2.UpdateResponse(properties=encode_map(properties))

    @_one_line
    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 -- the protocol's name
        """Delete a resource."""
        del context
        last = decode_map(request.properties)
        self._provider.destroy(Urn(request.urn), request.id, last, timeout=request.timeout)
        return Empty()

    @_one_line
    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 -- the protocol's name
        """Answer a function."""
        del context
        answer = self._provider.invoke(request.tok, decode_map(request.args))
        fields: dict[str, Any] = {"return": encode_map(answer)}
        return provider_pb2.InvokeResponse(**fields)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 -- the protocol's name
        """Stop what takes long."""
        del request, context
        self._provider.cancel()
        return Empty()

    def _log(self, message: str, severity: Any = engine_pb2.DEBUG, urn: str = "") -> None:
        """Say something in the engine's log; a run does not fail for it."""
        request = engine_pb2.LogRequest(severity=severity, message=message, urn=urn)
        with grpc.insecure_channel(self._engine) as channel:
            try:
                engine_pb2_grpc.EngineStub(channel).Log(request, timeout=5)
            except grpc.RpcError:
                return


def serve(provider: Provider, engine: str) -> None:
    """Answer the engine at an address until it goes away, after printing the port for it."""
    server = grpc.server(ThreadPoolExecutor(provider.workers), options=_GRPC_CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(provider, engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 -- the engine reads it
    threading.Thread(target=_end_with, args=(os.getppid(), provider), daemon=True).start()
    # The engine ends its plugins, which are a process group of their own each, with this signal.
    signal.signal(signal.SIGINT, lambda *_: _end(provider))
    server.wait_for_termination()


def _end_with(parent: int, provider: Provider) -> None:
    """End when the engine has: one that was killed tells nobody."""
    while os.getppid() == parent:
        time.sleep(0.5)
    _end(provider)


def _end(provider: Provider) -> None:
    provider.cancel()
    os._exit(0)
