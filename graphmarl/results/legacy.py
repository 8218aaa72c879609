"""Reader of run folders and checkpoints of format 1, which has other names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch

FORMAT = 2
"""Version of the format of run folders and checkpoints."""
HEADER = "graphmarl"
"""Entry of a checkpoint that says what it is of; missing in format 1."""

OPTIONS = {
    "updates": "gradient_steps",
    "warmup": "learning_starts",
    "replay": "buffer_size",
    "batch": "batch_size",
    "target_every": "target_update_interval",
    "max_gradient": "max_grad_norm",
    "half": "half_precision",
    "entropy": "entropy_coef",
    "final_entropy": "final_entropy_coef",
    "value": "value_coef",
    "clip": "clip_range",
    "minibatch": "minibatch_size",
    "rollout": "rollout_length",
    "standardise": "normalize_advantage",
    "trace": "td_lambda",
    "double": "double_q",
    "explore": "exploration",
    "softness": "gumbel_temperature",
    "context": "communication",
    "code": "code_size",
    "kl": "kl_coef",
    "model_rate": "model_learning_rate",
    "actor_rate": "actor_learning_rate",
    "critic_rate": "critic_learning_rate",
    "balance": "kl_balance",
    "information": "information_coef",
    "every": "train_interval",
    "model_updates": "model_gradient_steps",
    "agent_updates": "policy_gradient_steps",
    "length": "sequence_length",
    "starts": "imagination_starts",
    "horizon": "imagination_horizon",
    "legal": "imagined_actions",
}
"""Options of methods in format 1, and their names today."""
FORMS: dict[str, dict[str, Any]] = {"ip": {"critic_size": None}}
"""Options that format 1 did not have, where its form is not the default of today."""
ZEROS = {"coma": ("network.uniform",)}
"""Numbers in checkpoints that format 1 did not have, as they were 0."""
PARAMETERS = {
    r"\bcontext\.context\b": "communication.module",
    r"\b(context|talk)\b": "communication",
    r"\brelations\b": "blocks",
    r"\btold\b": "neighbor_action",
    r"\bmodel\.did\b": "model.previous_action",
    r"\bmodel\.goes_on\b": "model.continues",
    r"\bnetwork\.fold\b": "network.tree_encoder",
    r"\bnetwork\.judge\b": "network.critic_encoder",
    r"\bnetwork\.see\b": "network.obs_layer",
    r"\bnetwork\.guess\b": "network.policy_layer",
    r"\bnetwork\.feel\b": "network.hidden_layer",
}
"""Parts of the names of parameters in format 1, and what they are today."""


def upgraded_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration of any format with the names of today.

    Args:
        config: the configuration of a run folder.

    Raises:
        ValueError: the format is newer than this version.
    """
    config = dict(config)
    version = config.pop("format", 1)
    if type(version) is not int or not 1 <= version <= FORMAT:
        raise ValueError(f"the configuration has format {version!r}; allowed are 1 to {FORMAT}")
    method = config.get("method")
    if not isinstance(method, Mapping):
        return config
    options = dict(method)
    # A width is that of DGN's first layer; today `encoder` is the kind of encoder.
    if type(options.get("encoder")) is int:
        options["encoder_hidden"] = options.pop("encoder")
    if version == FORMAT:
        return config | {"method": options}
    # Two names of format 1 mean something else today; their types tell them apart.
    if type(options.get("exploration")) in (int, float):
        options["exploration_fraction"] = options.pop("exploration")
    if isinstance(options.get("sample"), bool):
        options["sample_latent"] = options.pop("sample")
    name = str(options.get("name"))
    options = FORMS.get(name, {}) | options
    if ":" not in name:
        options = {OPTIONS.get(key, key): value for key, value in options.items()}
    return config | {"method": options}


def upgraded_weights(checkpoint: Mapping[str, Any], method: str = "") -> dict[str, Any]:
    """A checkpoint of any format with the names that parameters have today.

    Args:
        checkpoint: content of the file.
        method: name of the method.
    """
    if HEADER in checkpoint:
        return dict(checkpoint)
    weights = {}
    for name, value in checkpoint["state_dict"].items():
        for old, new in PARAMETERS.items():
            name = re.sub(old, new, name)
        weights[name] = value
    weights |= {each: torch.zeros(()) for each in ZEROS.get(method, ())}
    return {**checkpoint, "state_dict": weights}
