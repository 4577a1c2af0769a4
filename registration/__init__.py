"""What registering a flow means: catalog, fingerprint, plan and apply.

Both front doors, the command line and the Pulumi provider, use this package, so that their keys are identical.
It imports no pulumi, and prefect only in the processes that load flows.
"""
