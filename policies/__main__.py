"""What the policy host runs: it starts the pack, which answers the engine until the engine ends it.

The host runs this file by path, so that this folder and not the root is on the path. The root takes its place:
a policy is `policies.cluster` here, in a test and for the type checker alike.
"""

import io
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from pulumi_policy import EnforcementLevel, PolicyPack  # noqa: E402 - the path comes first

from policies import pack  # noqa: E402 - the path comes first

# The pack writes its port and does not flush it, and the engine waits for it for ever: so nothing is buffered here.
sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), write_through=True)

PolicyPack(name="prefect-aks", policies=pack.policies(), enforcement_level=EnforcementLevel.MANDATORY)
