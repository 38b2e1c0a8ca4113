"""All scenarios by name. The rows themselves are in the tables imported here."""

from __future__ import annotations

from commands import LabError
from scenario import Scenario
from scenarios_cloud import CLOUD_SCENARIOS
from scenarios_network import NETWORK_SCENARIOS
from scenarios_nginx import NGINX_SCENARIOS
from scenarios_services import SERVICE_SCENARIOS
from scenarios_twofold import TWOFOLD_SCENARIOS

SCENARIOS: dict[str, Scenario] = {
    **CLOUD_SCENARIOS,
    **NETWORK_SCENARIOS,
    **SERVICE_SCENARIOS,
    **NGINX_SCENARIOS,
    **TWOFOLD_SCENARIOS,
}


def find_scenario(name: str) -> Scenario:
    if name not in SCENARIOS:
        raise LabError(f"no such scenario: {name}; see `netlab list`")
    return SCENARIOS[name]
