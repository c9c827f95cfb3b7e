"""Tasks that wait for a person, as a real Airflow has them. Loaded by Airflow alone."""

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import DAG, Param

ASSIGNED = {
    "sayso_approval": [{"id": name, "name": name} for name in ("alice", "sayso")],
    "sayso_others": [{"id": "alice", "name": "alice"}],
}
PARAMS = {"title": Param("Approve?", type="string")}

for name, users in ASSIGNED.items():
    with DAG(name, schedule=None, params=PARAMS, is_paused_upon_creation=False):
        ApprovalOperator(
            task_id="approve",
            subject="{{ params.title }}",
            body="Why: {{ params.title }}",
            params={"amount": Param(0.5, type="number")},
            assigned_users=users,
        )

with DAG("sayso_options", schedule=None, params=PARAMS, is_paused_upon_creation=False):
    HITLOperator(task_id="choose", subject="{{ params.title }}", options=["Blue", "Green"])
