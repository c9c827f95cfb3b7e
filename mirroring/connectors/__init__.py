"""Connectors to systems of record, by name. What they offer is in base.py."""

from collections.abc import Mapping

from mirroring.connectors.airflow import Airflow
from mirroring.connectors.base import BadConfig, Connector, Problem
from mirroring.connectors.coupa import Coupa
from mirroring.connectors.github import GitHub
from mirroring.connectors.request_tracker import RequestTracker
from mirroring.connectors.rest import Rest
from mirroring.connectors.servicenow import ServiceNow
from mirroring.connectors.task_provider import TaskProvider

CONNECTORS: Mapping[str, type[Connector]] = {
    each.name: each
    for each in (Airflow, Coupa, GitHub, RequestTracker, Rest, ServiceNow, TaskProvider)
}


def connect(name: str, config: Mapping[str, str]) -> Connector:
    """Return a connector; raise BadConfig with everything that is wrong. Nothing is sent yet.

    `config`: a text for each of the connector's `fields`; those that are missing have defaults.
    """
    if name not in CONNECTORS:
        message = f"There is no connector {name!r}; there is {', '.join(CONNECTORS)}."
        raise BadConfig([Problem(field="connector", message=message)])
    return CONNECTORS[name](config)


def problems_with(name: str, config: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return everything that is wrong with a configuration, for the form that it was typed into."""
    try:
        connect(name, config)
    except BadConfig as error:
        return error.problems
    return ()


def places_of(name: str, config: Mapping[str, str]) -> frozenset[str]:
    """Return the servers that a connector sends secrets to; one that cannot be made has none."""
    try:
        return connect(name, config).session.places()
    except BadConfig:
        return frozenset()
