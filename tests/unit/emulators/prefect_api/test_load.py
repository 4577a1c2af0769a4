"""Reading: the number of SQL statements grows with the depth of a query, never with its rows."""

from typing import Any

import pytest
import sqlalchemy as sa

from emulators.prefect_api.execution import Executor
from emulators.prefect_api.store.state import Caller

# Prefect 1.4.1 hands its serializers a context in the way of marshmallow 2.
pytestmark = pytest.mark.filterwarnings("ignore:The `context` parameter is deprecated:DeprecationWarning")

QUERY = """{ flow(where: { archived: { _eq: false } }, order_by: { name: asc }) {
  name flow_group { id settings } project { tenant { slug } }
  tasks(limit: 1) { slug flow { id } }
  flow_runs_aggregate(where: { state: { _eq: "Scheduled" } }) { aggregate { count } } } }"""


@pytest.mark.parametrize("flows", [1, 30])
def test_a_query_costs_one_statement_a_table_and_level(runs: Any, flows: int) -> None:
    for number in range(flows):
        runs.run(runs.flow(f"flow-{number:03}"), "Scheduled")
    executor, statements = Executor(runs.database), []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        answer = executor.answer_one({"query": QUERY}, Caller())
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert len(answer.body["data"]["flow"]) == flows
    assert answer.body["data"]["flow"][-1]["flow_runs_aggregate"] == {"aggregate": {"count": 1}}
    assert len([text for text in statements if text.startswith("SELECT")]) == 7
