"""A framework's model object that asks another model."""

# ruff: noqa: ANN401  objects of either framework

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

_NAMES: Final = ("model_name", "model", "model_id")
"""The fields that name a model, in this order."""
_DEPLOYMENTS: Final = ("deployment_name", "azure_deployment", "engine")
"""Fields that name an Azure deployment, by which requests go to an address of its own."""
_CLIENTS: Final = ("root_client", "root_async_client", "_client", "_aclient")
_RESOURCES: Final = ("client", "async_client")
_IN_ADDRESS: Final = "/deployments/"
_log: Final = logging.getLogger("spanmeter.budget")
_told: Final[set[type]] = set()


def asking(instance: Any, model: str) -> Any:
    """A copy of a model object, with the same clients, that asks `model`; None where its class cannot.

    One that is fixed to an Azure deployment asks the deployment of that name at the same address.
    """
    kind = type(instance)
    fields = getattr(kind, "model_fields", {})
    fixed = [name for name in _DEPLOYMENTS if name in fields and getattr(instance, name, None)]
    if fixed:
        return _deployed(instance, dict.fromkeys([*fixed, *({"model_name"} & set(fields))], model))
    name = next((name for name in _NAMES if name in fields), "")
    if name:
        return instance.model_copy(update={name: model})
    if kind not in _told:
        _told.add(kind)
        _log.warning("a budget cannot have %s ask %s: the model of a %s is fixed", kind.__name__, model, kind)
    return None


def _deployed(instance: Any, update: Mapping[str, str]) -> Any:
    """Clients of the same connections, but for the deployment in their address: they take it from each request."""
    copied = instance.model_copy(update=update)
    for name in _CLIENTS:
        client = getattr(copied, name, None)
        if client is not None:
            setattr(copied, name, _free(client))
    for name in _RESOURCES:
        resource = getattr(copied, name, None)
        if resource is not None:
            setattr(copied, name, type(resource)(_free(resource._client)))  # noqa: SLF001  it has no other way in
    return copied


def _free(client: Any) -> Any:
    address = str(client.base_url)
    return client.copy(base_url=address.partition(_IN_ADDRESS)[0]) if _IN_ADDRESS in address else client
