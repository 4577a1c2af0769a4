"""Where a flow's tasks run: on the Dask cluster of its environment, or in threads where there is none.

A flow file asks for this while it is loaded, which happens in the run's own process. An executor is no part of what is
registered, so the environment of whoever registers does not matter.
"""

import os

from prefect.executors import DaskExecutor, Executor, LocalDaskExecutor

ADDRESS = "FLOW_DASK_ADDRESS"


def dask_executor() -> Executor:
    """Make the executor of a flow that maps over much: its tasks are shared out to all workers of the cluster."""
    address = os.environ.get(ADDRESS)
    if address:
        # A scheduler tells one subscriber alone about its workers, and many runs share it.
        return DaskExecutor(address=address, watch_worker_status=False)
    return LocalDaskExecutor(scheduler="threads")
