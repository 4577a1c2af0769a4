"""Getting a tool: from PATH when it is new enough there, else from the cache, else built into the cache.

The cache entry is a folder of executables and nothing else, ready to go on PATH.
"""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from toolchain import cache, go
from toolchain.command import Job
from toolchain.error import ToolError
from toolchain.tool import Program, Script, Tool, Version, dotted, version_in


def ensure(tool: Tool, environ: Mapping[str, str]) -> Path:
    """Return the folder to put on PATH for a tool, building the tool first when it is nowhere yet.

    Progress goes to standard error. Raises `ToolError` when the tool cannot be had.
    """
    root = cache.root(environ)
    entry = root / f"{tool.name}-{dotted(tool.version())}-{cache.key(tool.recipe(), tool.pin_files())}"
    job = Job(tool.name, root / "logs" / f"{entry.name}.log")
    if found := _on_path(tool, environ, job):
        return found
    try:
        return cache.make(
            entry,
            lambda folder: _build(tool, folder, entry, environ, job),
            on_wait=lambda: job.tell("another process is building it; waiting"),
        )
    except OSError as error:
        raise ToolError(f"the cache folder {root} cannot be used: {error.strerror}; set PREFECT_AKS_CACHE") from error


def _on_path(tool: Tool, environ: Mapping[str, str], job: Job) -> Path | None:
    path = environ.get("PATH", "")
    found = shutil.which(tool.command, path=path) if tool.version_arguments else None
    if not found:
        return None
    version = _version_of(tool, Path(found), environ)
    if version is None:
        job.tell(f"{found} does not tell its version; not using it")
    elif version < tool.version():
        job.tell(f"{found} is {dotted(version)}, older than {dotted(tool.version())}; not using it")
    # The command looks for its companions on PATH, and in the folder where it really is.
    elif lacking := [name for name in tool.companions if not _companion(name, path, Path(found))]:
        job.tell(f"{found} has no {', '.join(lacking)} beside it or on PATH; not using it")
    else:
        return Path(found).absolute().parent
    return None


def _companion(name: str, path: str, command: Path) -> str | None:
    return shutil.which(name, path=path) or shutil.which(name, path=str(command.resolve().parent))


def _version_of(tool: Tool, command: Path, environ: Mapping[str, str]) -> Version | None:
    try:
        done = subprocess.run(  # noqa: S603 - the command is the tool itself
            [command, *tool.version_arguments],
            env={**environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return version_in(done.stdout) if done.returncode == 0 else None


def _build(tool: Tool, folder: Path, entry: Path, environ: Mapping[str, str], job: Job) -> None:
    job.tell(f"building {dotted(tool.version())} from source; this takes minutes and happens once")
    job.log.unlink(missing_ok=True)
    work = entry.parent / f"{entry.name}.work"
    compiler = go.find(tool.go_version(), environ, work, job)
    for program in tool.programs:
        _compile(tool, program, folder, compiler, job)
    for script in tool.scripts:
        _copy(tool, script, folder, compiler)
    built = _version_of(tool, folder / tool.command, environ) if tool.version_arguments else tool.version()
    if built != tool.version():
        raise ToolError(
            f"the {tool.name} that was built does not say that it is {dotted(tool.version())}; see {job.log}"
        )
    shutil.rmtree(work, ignore_errors=True)
    job.tell("ready")


def _compile(tool: Tool, program: Program, folder: Path, compiler: go.Go, job: Job) -> None:
    # -mod=readonly holds Go to the committed go.sum, whatever GOFLAGS says.
    options = ["-v", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {tool.stamps(program)}"]
    experiments = {"GOEXPERIMENT": ",".join(tool.experiments)} if tool.experiments else {}
    job.run(
        f"compiling {program.name}",
        [compiler.command, "build", *options, "-o", folder / program.name, program.package],
        tool.pins / program.module,
        compiler.environ | experiments,
    )


def _copy(tool: Tool, script: Script, folder: Path, compiler: go.Go) -> None:
    done = subprocess.run(  # noqa: S603 - the command is built from the pins, not from input
        [compiler.command, "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", script.module],
        cwd=tool.pins / script.program,
        env=compiler.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    source = Path(done.stdout.strip()) / script.path
    if done.returncode or not source.is_file():
        raise ToolError(f"the module {script.module} holds no {script.path}")
    target = folder / source.name
    shutil.copyfile(source, target)
    target.chmod(0o755)
